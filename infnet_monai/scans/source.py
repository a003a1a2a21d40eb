"""One scan between its files and the array: where it lies, what its headers say, and what is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256

__all__ = [
    "INTENSITY_KINDS",
    "PROBLEM_CODES",
    "UNACCEPTABLE_CODES",
    "Problem",
    "ScanHeader",
    "ScanIdentity",
    "ScanSource",
    "Severity",
]

# What the intensities of a scan can be: Hounsfield units, grey values (0 to 255) or fractions of the window (0 to 1).
INTENSITY_KINDS = ("hu", "grey", "unit")

# What can be wrong with a scan, by the code that options and tables use.
PROBLEM_CODES = {
    "missing-slices": "slices are missing from a series; accepted, it is resampled across the gaps",
    "uneven-spacing": "slices are not evenly spaced; accepted, the series is resampled",
    "duplicate-positions": "several slices are at one position; accepted, one of them is used",
    "moving-origin": "slices are shifted against each other",
    "mixed-orientation": "slices of a series lie at different angles",
    "mixed-rescale": "the frames of a file are rescaled differently; accepted, as the first one is",
    "no-spacing": "the size of pixels or voxels is unknown; accepted, 1 mm is assumed",
    "no-position": "images do not say where they are in the patient",
    "single-slice": "a single slice, whose thickness stands for the spacing",
    "no-orientation": "the header does not say how the patient lies in the volume; accepted, it is guessed",
    "forms-disagree": "the two affines of a NIfTI header disagree; accepted, the sform is used",
    "odd-voxel-size": "voxels are smaller than 0.1 mm or larger than 20 mm",
    "not-ct": "the modality is not CT",
    "localizer": "a localizer (scout)",
    "derived": "a screenshot or another derived image",
    "not-grey": "a colour image",
    "label-volume": "a label volume, e.g. a mask",
    "own-output": "a result of an earlier run",
    "no-lungs": "no lungs were found; accepted, the whole slices are segmented",
    "unreadable": "the file cannot be read; there is nothing to accept",
    "intensities": "the intensities are not those of a chest CT; settled by the option for the intensity",
}
UNACCEPTABLE_CODES = frozenset({"unreadable", "intensities"})


class Severity(str, Enum):
    """What a problem means for a scan.

    Attributes:
        WARNING: The scan is segmented, and its record says so.
        REFUSED: The result cannot be right: the scan counts as failed, unless the problem's code is accepted.
        SKIPPED: The scan is not a chest CT: it is listed and left out, unless its code or all scans are asked for.
    """

    WARNING = "warning"
    REFUSED = "refused"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Problem:
    """Something about a scan that a user must know.

    Attributes:
        code: Short name for options and tables, e.g. ``"missing-slices"``.
        message: One sentence without the path; what was found, where, and what was or can be done.
        severity: What it means for the scan.
    """

    code: str
    message: str
    severity: Severity


@dataclass(frozen=True)
class ScanHeader:
    """What the headers of a scan say; what is unknown is ``None`` or empty.

    Attributes:
        shape: Voxels of the array that the scan is read as, ``(X, Y, Z)``.
        affine: Voxel index of that array to mm in RAS+, (4, 4); sheared where the gantry was tilted.
        spacing_mm: Size of a voxel along the three axes; the third is the distance between slice planes.
        positions_mm: Position of each slice along the normal of the slices, in order; DICOM only.
        tilt_degrees: Angle between the normal of the slices and the line through their corners; DICOM only.
        modality: DICOM modality, e.g. ``"CT"``.
        image_type: DICOM image type, e.g. ``("ORIGINAL", "PRIMARY", "AXIAL")``.
        series_uid: SeriesInstanceUID.
        series_number: SeriesNumber.
        series_description: SeriesDescription.
        study_uid: StudyInstanceUID.
        patient_id: PatientID; stays out of tables and records.
        thickness_mm: Thickness of a slice; DICOM only.
        units: Units that the header names for lengths (NIfTI) or intensities (DICOM rescale type).
        mixed_values: Whether slices are stored in different ways or have a rescale each; DICOM only.
    """

    shape: tuple[int, ...] | None = None
    affine: NDArray[np.float64] | None = field(default=None, compare=False)
    spacing_mm: tuple[float, ...] | None = None
    positions_mm: tuple[float, ...] = field(default=(), repr=False)
    tilt_degrees: float = 0.0
    modality: str = ""
    image_type: tuple[str, ...] = ()
    series_uid: str = ""
    series_number: int | None = None
    series_description: str = ""
    study_uid: str = ""
    patient_id: str = field(default="", repr=False)
    thickness_mm: float | None = None
    units: str = ""
    mixed_values: bool = False


@dataclass(frozen=True)
class ScanIdentity:
    """What distinguishes a scan from another one, and from itself after a change.

    Attributes:
        path: Absolute path of the file, or of the folder of a DICOM series.
        series: Name of the DICOM series in the folder, empty for files.
        bytes: Size of all files.
        modified: Date of the newest file, in seconds since 1970.
        sha256: SHA-256 of the file; for several, of their sorted hashes, a line each. Empty where it is not known.
    """

    path: str
    series: str
    bytes: int
    modified: float
    sha256: str = ""

    def is_same(self, other: ScanIdentity) -> bool:
        """Return whether both are the same scan: by content where both hashes are known, else by place, size and date.

        Args:
            other: The other identity.

        Example:
            >>> ct = ScanIdentity("/data/ct.nii", "", 10, 1.5, "ab12")
            >>> ct.is_same(replace(ct, path="/archive/ct.nii", modified=2.5)), ct.is_same(replace(ct, sha256="cd34"))
            (True, False)
        """
        if self.sha256 and other.sha256:
            return (self.series, self.sha256) == (other.series, other.sha256)
        return replace(self, sha256="") == replace(other, sha256="")


@dataclass(frozen=True)
class ScanSource:
    """Where one scan is read from, and whether it should be.

    Attributes:
        path: A file, or the folder of a DICOM series.
        name: Unique in its run, for naming results; has a slash where the scan is in a subfolder of what was given.
        series: Name of the DICOM series in the folder, empty for files.
        files: Files of a DICOM series, each once, in the order of their slices; empty for other scans.
        header: What its headers say.
        problems: What is wrong with it.
        frames: For multi-frame DICOM files, which of all frames of ``files``, counted from 0, are the slices, in order;
            empty where every file is a slice.
    """

    path: Path
    name: str
    series: str = ""
    files: tuple[Path, ...] = field(default=(), repr=False)
    header: ScanHeader = field(default_factory=ScanHeader, repr=False)
    problems: tuple[Problem, ...] = ()
    frames: tuple[int, ...] = field(default=(), repr=False)

    @property
    def is_dicom(self) -> bool:
        """Whether the scan is a DICOM series."""
        return bool(self.series)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the record of the scan says about its problems."""
        return self._messages(Severity.WARNING)

    @property
    def refusal(self) -> str:
        """Why the scan cannot be segmented rightly; empty where it can."""
        return "; ".join(self._messages(Severity.REFUSED))

    @property
    def skip_reason(self) -> str:
        """Why the scan is not taken for a chest CT; empty where it is."""
        return "; ".join(self._messages(Severity.SKIPPED))

    def accepting(self, codes: Collection[str] = (), everything: bool = False) -> ScanSource:
        """Return the scan with some of its problems accepted, which turns them into warnings.

        Args:
            codes: Codes of the problems to accept.
            everything: Accept, too, that the scan does not look like a chest CT.
        """

        def accepted(problem: Problem) -> Problem:
            asked_for = problem.code in codes or (everything and problem.severity is Severity.SKIPPED)
            return replace(problem, severity=Severity.WARNING) if asked_for else problem

        return replace(self, problems=tuple(accepted(problem) for problem in self.problems))

    def check(self) -> None:
        """Raise an InputError where the scan is refused; the message names it and the way out, if there is one."""
        if self.refusal:
            codes = [problem.code for problem in self.problems if problem.severity is Severity.REFUSED]
            refusal = self.refusal.rstrip(".")
            way_out = (
                f" To segment it all the same: --accept {','.join(codes)}"
                if not UNACCEPTABLE_CODES & set(codes)
                else ""
            )
            raise InputError(f"{self.title}: {refusal}.{way_out}")

    @property
    def title(self) -> str:
        """The scan in messages: its path, with number and description of a DICOM series."""
        header = self.header
        number = f" {header.series_number}" if header.series_number is not None else ""
        description = f' "{header.series_description}"' if header.series_description else ""
        return f"{self.path} (series{number}{description})" if number or description else str(self.path)

    def identity(self, hashed: bool = False) -> ScanIdentity:
        """Return what distinguishes this scan from another one, and from itself after a change.

        Args:
            hashed: Read all files for their hash.
        """
        files = self.files or (self.path,)
        states = [file.stat() for file in files]  # before the hash, so that a change meanwhile is seen by its date
        return ScanIdentity(
            path=str(self.path.resolve()),
            series=self.series,
            bytes=sum(state.st_size for state in states),
            modified=max(state.st_mtime for state in states),
            sha256=_content_sha256(files) if hashed else "",
        )

    def _messages(self, severity: Severity) -> tuple[str, ...]:
        return tuple(problem.message for problem in self.problems if problem.severity is severity)


def _content_sha256(files: Sequence[Path]) -> str:
    """Return the hash of one file, or one of several that neither their names nor their order change."""
    hashes = sorted(file_sha256(file) for file in files)
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()
