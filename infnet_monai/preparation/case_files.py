"""The files of a case and of a whole data set, and how files are paired by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infnet_monai.errors import InputError
from infnet_monai.files import natural_key
from infnet_monai.scans.load import PICTURE_SUFFIXES, VOLUME_SUFFIXES
from infnet_monai.transforms.mask import DEFAULT_LESION_LABELS

__all__ = ["CaseFiles", "FoundCases", "files_by_stem"]

SHEET_NAME = "contact_sheet.png"
FILE_SUFFIXES = (*VOLUME_SUFFIXES, *PICTURE_SUFFIXES)


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case.

    Attributes:
        name: Name of the case.
        image: File of the image.
        label: File of the lesion mask; None where no mask goes with the image.
        lung: File of the lung mask, if there is one.
        edge: File of the lesion's edge map, if there is one.
    """

    name: str
    image: Path
    label: Path | None
    lung: Path | None = None
    edge: Path | None = None

    @property
    def paths(self) -> dict[str, Path]:
        """The files that there are, by their key in a datalist."""
        paths = {"image": self.image, "label": self.label, "edge": self.edge, "lung": self.lung}
        return {key: path for key, path in paths.items() if path is not None}

    @property
    def is_picture(self) -> bool:
        """Whether the image is a plain picture, which does not say where its axes run."""
        return self.image.name.lower().endswith(PICTURE_SUFFIXES)


@dataclass(frozen=True)
class FoundCases:
    """The cases of a folder, and what its layout says about all of them.

    Attributes:
        title: What a user calls the layout.
        cases: The cases in natural order of their names.
        axes: Where rows and columns of its pictures run to, e.g. ``LP``; None for upright.
        label_names: Meaning of each label value, where it is known.
        lesion_labels: The label values that count as lesion; 255 is what 8-bit pictures of masks hold.
    """

    title: str
    cases: Sequence[CaseFiles]
    axes: str | None = None
    label_names: Mapping[int, str] = field(default_factory=dict)
    lesion_labels: tuple[int, ...] = DEFAULT_LESION_LABELS


def files_by_stem(folder: Path | None) -> dict[str, Path]:
    """Find the images and masks in a folder by their names without suffix.

    Args:
        folder: Folder to search, without its subfolders; None for no files.

    Returns:
        Files in natural order of their names; hidden files and the contact sheet of a data set are left out.

    Raises:
        InputError: Two files differ in their suffix only, so that nothing says which of them is meant.
    """
    paths = [] if folder is None else sorted(folder.iterdir(), key=lambda path: natural_key(path.name))
    found: dict[str, Path] = {}
    for path in paths:
        suffix = next((suffix for suffix in FILE_SUFFIXES if path.name.lower().endswith(suffix)), None)
        if suffix is None or path.name.startswith(".") or path.name == SHEET_NAME or path.is_dir():
            continue
        stem = path.name[: -len(suffix)]
        if stem in found:
            raise InputError(f"{path}: {found[stem].name} beside it has the same name; keep one of the two")
        found[stem] = path
    return found
