"""Unlabelled slices: found, checked, and dealt into random groups."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from infnet_monai.data.datalist import load_datalist, read_datalist
from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256, natural_key
from infnet_monai.scans.load import PICTURE_SUFFIXES, load_scan
from infnet_monai.transforms.window import scan_intensity_kind

__all__ = ["check_unlabelled", "deal_groups", "find_unlabelled", "is_picture", "labelled_items"]

T = TypeVar("T")


def labelled_items(dataset_dir: str | Path) -> list[dict[str, Any]]:
    """Return the items of all sections of a data set.

    Raises:
        InputError: There is no data set, or no training or validation section, which every training wants.
    """
    others = ["test"] if read_datalist(dataset_dir).get("test") else []
    return [item for name in ("training", "validation", *others) for item in load_datalist(dataset_dir, name)]


def find_unlabelled(folder: str | Path, suffixes: tuple[str, ...] = PICTURE_SUFFIXES) -> list[Path]:
    """List the pictures of a folder in natural order of their names; other files are ignored.

    Args:
        folder: Folder that holds them; folders in it are not looked into.
        suffixes: Ends of the names that count, in lower case: those of pictures, or those of volumes, too.

    Raises:
        InputError: There is no such folder, it holds no picture, or two pictures differ in nothing but the suffix.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give one with unlabelled slices as pictures")
    paths = [path for path in folder.iterdir() if path.name.lower().endswith(suffixes) and path.name[0] != "."]
    if not paths:
        nothing = "holds no picture" + ("" if suffixes == PICTURE_SUFFIXES else " and no volume")
        state = nothing if any(folder.iterdir()) else "is empty"
        raise InputError(f"{folder}: {state}; expected unlabelled slices as {', '.join(suffixes)}")
    paths.sort(key=lambda path: natural_key(path.name))
    first_with: dict[str, Path] = {}
    for path in paths:
        twin = first_with.setdefault(
            path.stem.lower(), path
        )  # some file systems do not distinguish upper from lower case
        if twin is not path:
            raise InputError(f"{path}: has the name of {twin.name}, so their labels would, too; rename one of them")
    return paths


def check_unlabelled(
    items: Sequence[Mapping[str, Any]], labelled: Sequence[Mapping[str, Any]], intensity: str = "auto"
) -> None:
    """Read every unlabelled slice, before hours of training are spent.

    Args:
        items: The slices: ``image``, the path of a picture or volume, and ``axes``, where a picture's rows and columns
            run to.
        labelled: Items of the labelled data.
        intensity: Kind of their intensities, see :func:`infnet_monai.transforms.lung_window`.

    Raises:
        InputError: Pictures cannot be used, one line each: damaged, intensities of an unknown kind, or the same file
            as a labelled one.
    """
    known = {file_sha256(item["image"]): item["image"] for item in labelled if Path(item["image"]).is_file()}
    bad = list(_problems(items, known, intensity))
    if bad:
        raise InputError(
            "\n".join([*bad, f"{len(bad)} of {len(items)} unlabelled slices cannot be used: mend or remove them"])
        )


def _problems(items: Sequence[Mapping[str, Any]], known: Mapping[str, str], intensity: str) -> Iterator[str]:
    for item in tqdm(items, desc="Checking unlabelled slices", unit="slice", disable=None):
        path = item["image"]
        try:
            scan_intensity_kind(load_scan(path, item["axes"]), intensity)
        except InputError as error:
            yield str(error)
            continue
        twin = known.get(file_sha256(path))
        if twin is not None:
            yield f"{path}: the same {'picture' if is_picture(path) else 'volume'} as the labelled {twin}"


def deal_groups(items: Sequence[T], group_size: int, seed: int = 0) -> list[list[T]]:
    """Deal items into random groups; the last one may be smaller.

    Args:
        items: Unlabelled slices.
        group_size: Number of slices in a group (K in the paper).
        seed: Seed of the shuffling; the same seed gives the same groups.

    Example:
        >>> deal_groups("abcde", 2)
        [['c', 'b'], ['a', 'e'], ['d']]
    """
    order = list(items)
    random.Random(seed).shuffle(order)
    return [order[start : start + group_size] for start in range(0, len(order), group_size)]


def is_picture(path: str | Path) -> bool:
    """Whether a file is a plain picture, which does not say where its axes run."""
    return str(path).lower().endswith(PICTURE_SUFFIXES)
