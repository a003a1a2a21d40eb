"""The DICOM series in the files of a folder, as ITK's GDCM separates them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import itk

from infnet_monai.errors import InputError
from infnet_monai.scans.source import ScanSource

__all__ = ["dicom_sources", "series_files"]


def dicom_sources(paths: Sequence[Path], folder: Path, name: str) -> list[ScanSource]:
    """Find the scans in the DICOM files of one folder.

    Args:
        paths: The files, regular and readable.
        folder: The folder, which is the path of the scans.
        name: Name of the scans.

    Returns:
        One scan for each series.
    """
    given = set(paths)
    series = {uid: tuple(series_files(folder, uid)) for uid in _series_generator(folder).GetSeriesUIDs()}
    found = {uid: tuple(file for file in files if file in given) for uid, files in series.items()}
    return [ScanSource(folder, name, uid, files) for uid, files in found.items() if files]


def series_files(folder: str | Path, series: str = "") -> list[Path]:
    """Files of a DICOM series.

    Args:
        folder: Folder of the series.
        series: Name of the series as in :class:`ScanSource`; without one, the folder's first series.

    Raises:
        InputError: There is no such series.
    """
    generator = _series_generator(Path(folder))
    names = generator.GetSeriesUIDs()
    if not names or (series and series not in names):
        raise InputError(f"{folder}: DICOM series {series!r} not found; the folder has {', '.join(names) or 'none'}")
    return [Path(name) for name in generator.GetFileNames(series or names[0])]


def _series_generator(folder: Path) -> Any:
    """Return what separates series as MONAI's ITKReader does, which is to read them by these names."""
    generator = itk.GDCMSeriesFileNames.New()
    generator.SetUseSeriesDetails(True)
    generator.AddSeriesRestriction("0008|0021")
    generator.SetDirectory(str(folder))
    return generator
