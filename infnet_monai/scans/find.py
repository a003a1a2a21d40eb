"""Which scans there are in the files and folders that a user names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from infnet_monai.errors import InputError
from infnet_monai.scans.dicom_headers import is_dicom_file
from infnet_monai.scans.dicom_series import dicom_sources
from infnet_monai.scans.load import VOLUME_SUFFIXES
from infnet_monai.scans.source import ScanSource

__all__ = ["find_scans"]

EXPECTED = f"{', '.join(VOLUME_SUFFIXES)} or a folder with a DICOM series"


def find_scans(inputs: Sequence[str | Path], exclude: str | Path | None = None) -> list[ScanSource]:
    """Find the scans in files, folders with scans at any depth, and folders of DICOM series.

    A folder with several DICOM series holds several scans. Hidden files and folders are passed over.

    Args:
        inputs: Files and folders.
        exclude: A folder not to look into, for results that are written below an input.

    Returns:
        The scans, sorted by path within each input, each once. Names that collide get a number: ``ct``, ``ct-2``.

    Raises:
        InputError: An input does not exist, is of an unknown type, is a folder without any scan or is excluded itself.
    """
    excluded = Path(exclude).resolve() if exclude else None
    found: dict[tuple[Path, str], ScanSource] = {}
    for given in map(Path, inputs):
        if given.is_dir() and given.resolve() == excluded:
            raise InputError(f"{given}: results among the scans would be taken for scans; give another output folder")
        sources = list(_scans_in(given, excluded))
        if not sources:
            raise InputError(f"{given}: no scan found in this folder; expected {EXPECTED}, at any depth")
        for source in sources:
            found.setdefault((source.path.resolve(), source.series), source)
    return list(_with_unique_names(found.values()))


def _scans_in(given: Path, excluded: Path | None) -> Iterator[ScanSource]:
    if given.is_dir():
        yield from _scans_in_folder(given, excluded)
    elif not given.exists():
        raise InputError(f"{given}: no such file or folder; check the path")
    elif _volume_name(given) or is_dicom_file(given):
        yield ScanSource(given, _volume_name(given) or given.stem)
    else:
        raise InputError(f"{given}: unknown type of file; expected {EXPECTED}")


def _scans_in_folder(given: Path, excluded: Path | None) -> Iterator[ScanSource]:
    for root, folders, files in os.walk(given):
        folder = Path(root)
        folders[:] = sorted(name for name in folders if name[0] != "." and (folder / name).resolve() != excluded)
        paths = [folder / name for name in sorted(files) if name[0] != "."]
        within = folder.relative_to(given)
        for path in paths:
            if name := _volume_name(path):
                yield ScanSource(path, (within / name).as_posix())
        dicom = [path for path in paths if not _volume_name(path) and path.name != "DICOMDIR" and is_dicom_file(path)]
        if dicom:
            name = within.as_posix() if folder != given else given.resolve().name
            yield from dicom_sources(dicom, folder, name)


def _volume_name(path: Path) -> str:
    """Return the file name without the suffix of a volume; empty for other files."""
    suffix = next((suffix for suffix in VOLUME_SUFFIXES if path.name.lower().endswith(suffix)), "")
    return path.name[: -len(suffix)] if suffix else ""


def _with_unique_names(sources: Iterable[ScanSource]) -> Iterator[ScanSource]:
    taken = {"run"}  # run.json is the record of a whole run
    for source in sources:
        name, number = source.name, 1
        while name.lower() in taken:  # some file systems do not distinguish upper from lower case
            number += 1
            name = f"{source.name}-{number}"
        taken.add(name.lower())
        yield replace(source, name=name)
