"""Where rows and columns of unlabelled pictures run to: as in the labelled ones, unless a rule says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from infnet_monai.errors import InputError
from infnet_monai.scans.load import UPRIGHT
from infnet_monai.semi.unlabelled import is_picture

__all__ = ["axes_of_pictures", "labelled_axes"]


def labelled_axes(items: Sequence[Mapping[str, Any]]) -> str:
    """Where rows and columns of the pictures among labelled items run to; upright where there is none.

    Raises:
        InputError: The pictures differ.

    Example:
        >>> labelled_axes([{"image": "1.jpg", "axes": "LP"}, {"image": "2.nii.gz"}])
        'LP'
    """
    axes = sorted({item.get("axes", UPRIGHT) for item in items if is_picture(item["image"])})
    if len(axes) > 1:
        raise InputError(f"labelled pictures run to {', '.join(axes)}; say where the unlabelled ones do with --axes")
    return axes[0] if axes else UPRIGHT


def axes_of_pictures(
    paths: Sequence[Path], rules: Sequence[str], labelled: Sequence[Mapping[str, Any]]
) -> dict[Path, str]:
    """Find the axes of each picture.

    Args:
        paths: The unlabelled pictures.
        rules: ``AXES`` for all pictures, or ``PATTERN=AXES`` for those whose file name matches; the last that
            matches counts.
        labelled: Items of the labelled data, for pictures that no rule matches.

    Raises:
        InputError: A pattern matches no picture, or the labelled pictures differ and a rule is needed.

    Example:
        >>> axes_of_pictures([Path("a_1.png"), Path("b_1.png")], ["LP", "b_*=LA"], []).values()
        dict_values(['LP', 'LA'])
    """
    axes: dict[Path, str] = {}
    for rule in rules:
        pattern, _, letters = rule.rpartition("=")
        matching = [path for path in paths if fnmatchcase(path.name, pattern or "*")]
        if not matching:
            raise InputError(f"axes {rule!r}: no picture has such a name; the first one is {paths[0].name}")
        axes.update(dict.fromkeys(matching, letters))
    rest = [path for path in paths if path not in axes]
    return {**axes, **(dict.fromkeys(rest, labelled_axes(labelled)) if rest else {})}
