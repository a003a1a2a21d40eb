"""The files that a segmented scan can get, one class each; :data:`RESULT_WRITERS` lists them.

To add a file, write a class and add it to the list. With an ``option`` it becomes an option of ``infnet segment`` and a
name for :class:`infnet_monai.inference.BatchOptions`; without one it is written for every scan. What writes a file is
imported when it does: the help of the command, and a summary of records, need no more than this list.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from infnet_monai.errors import InputError

if TYPE_CHECKING:
    from infnet_monai.inference.record import MadeBy
    from infnet_monai.inference.segmentation import Segmentation
    from infnet_monai.scans.source import ScanSource

__all__ = [
    "REPORT",
    "RESULT_WRITERS",
    "LungsWriter",
    "MaskWriter",
    "ResultWriter",
    "ViewerSlicesWriter",
    "optional_outputs",
    "wanted_writers",
]

REPORT = "report"


class ResultWriter(ABC):
    """One file of a segmented scan.

    Attributes:
        ending: What is added to the scan's name for the file's, e.g. ``"_infection.nii.gz"``.
        title: Name of the file in messages.
        option: Name by which the file is asked for; empty for a file that every scan gets.
        help: Line about the option in the help of ``infnet segment``; empty where the option is not its own.
        stage: Stage of the work that the time counts for.
        from_masks: Whether the file can be made later from the files of the masks, without the network.
    """

    ending: ClassVar[str]
    title: ClassVar[str]
    option: ClassVar[str] = ""
    help: ClassVar[str] = ""
    stage: ClassVar[str] = "write"
    from_masks: ClassVar[bool] = False

    def check(self) -> None:  # noqa: B027
        """Raise an InputError where this installation cannot write the file; called before the first scan."""

    @abstractmethod
    def write(self, result: Segmentation, path: Path, scan: ScanSource, made_by: MadeBy) -> None:
        """Write the file.

        Args:
            result: The segmented scan.
            path: File to write; its folder exists.
            scan: Where the scan was read from.
            made_by: What decided the result.

        Raises:
            InputError: The file cannot be written for this scan; one with an ``option`` is left out with a warning.
        """


class MaskWriter(ResultWriter):
    """Lesions as NIfTI, uint8."""

    ending = "_infection.nii.gz"
    title = "mask"

    def write(self, result: Segmentation, path: Path, scan: ScanSource, made_by: MadeBy) -> None:
        """Write the file; see :meth:`ResultWriter.write`."""
        from infnet_monai.inference.volume_writer import write_volume

        write_volume(result.mask, result.affine, path)


class LungsWriter(ResultWriter):
    """Right and left lung as NIfTI, uint8."""

    ending = "_lungs.nii.gz"
    title = "lungs"

    def write(self, result: Segmentation, path: Path, scan: ScanSource, made_by: MadeBy) -> None:
        """Write the file; see :meth:`ResultWriter.write`."""
        from infnet_monai.inference.volume_writer import write_volume

        write_volume(result.lungs, result.affine, path)


class ProbabilityWriter(ResultWriter):
    """Probability map as NIfTI, float32; of several classes (X, Y, Z, C)."""

    ending = "_probability.nii.gz"
    title = "probability map"
    option = "probability"
    help = "Write the probability map, too."

    def write(self, result: Segmentation, path: Path, scan: ScanSource, made_by: MadeBy) -> None:
        """Write the file; see :meth:`ResultWriter.write`."""
        from infnet_monai.inference.volume_writer import write_volume

        if result.probability is None:
            raise InputError("the masks were read from files, which hold no probabilities; segment the scan again")
        maps = result.probability
        write_volume(maps if maps.ndim == 3 else np.moveaxis(maps, 0, -1), result.affine, path)


class DicomSegWriter(ResultWriter):
    """Lesions as a DICOM Segmentation object."""

    ending = "_infection.dcm"
    title = "DICOM SEG"
    option = "dicom_seg"
    help = "Write a DICOM SEG for DICOM series."

    def check(self) -> None:
        """Raise an InputError where highdicom is not installed."""
        from infnet_monai.inference.dicom_seg import check_highdicom

        check_highdicom()

    def write(self, result: Segmentation, path: Path, scan: ScanSource, made_by: MadeBy) -> None:
        """Write the file; see :meth:`ResultWriter.write`."""
        from infnet_monai.inference.dicom_seg import write_dicom_seg

        if not scan.is_dicom:
            raise InputError("the scan is not a DICOM series")
        write_dicom_seg(result.mask, result.affine, scan, path, made_by.bundle, made_by.version, result.scheme)


class ContactSheetWriter(ResultWriter):
    """Slices with most lesion as PNG, part of the report of a run."""

    ending = ".png"
    title = "contact sheet"
    option = REPORT
    stage = "picture"
    from_masks = True

    def write(self, result: Segmentation, path: Path, scan: ScanSource, made_by: MadeBy) -> None:
        """Write the file; see :meth:`ResultWriter.write`."""
        from infnet_monai.inference.scan_pictures import draw_scan_sheet

        draw_scan_sheet(result, path, scan.name)


class ViewerSlicesWriter(ResultWriter):
    """Slices for the viewer of the report as one JPEG, part of the report of a run."""

    ending = "_slices.jpg"
    title = "slices for the report"
    option = REPORT
    stage = "picture"
    from_masks = True

    def write(self, result: Segmentation, path: Path, scan: ScanSource, made_by: MadeBy) -> None:
        """Write the file; see :meth:`ResultWriter.write`."""
        from infnet_monai.inference.scan_pictures import write_viewer_slices

        write_viewer_slices(result, path)


RESULT_WRITERS: list[ResultWriter] = [
    MaskWriter(),
    LungsWriter(),
    ProbabilityWriter(),
    DicomSegWriter(),
    ContactSheetWriter(),
    ViewerSlicesWriter(),
]


def optional_outputs() -> dict[str, str]:
    """Return the options of the files that are written only where asked for, with their lines of help."""
    return {writer.option: writer.help for writer in RESULT_WRITERS if writer.option and writer.help}


def wanted_writers(asked_for: Collection[str]) -> list[ResultWriter]:
    """Return the writers of the files that every scan gets and of those that are asked for.

    Args:
        asked_for: Options of the files.
    """
    return [writer for writer in RESULT_WRITERS if not writer.option or writer.option in asked_for]
