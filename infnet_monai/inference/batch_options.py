"""What a run over scans is asked for, and what became of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from infnet_monai.errors import InputError
from infnet_monai.findings import LobeFiles
from infnet_monai.inference.parts import Part
from infnet_monai.inference.pipeline import OVERLAP_VOXELS
from infnet_monai.inference.record import ScanRecord
from infnet_monai.inference.result_writers import REPORT, ResultWriter, optional_outputs, wanted_writers
from infnet_monai.scans.source import ScanSource

__all__ = ["BatchOptions", "BatchResult"]


@dataclass(frozen=True)
class BatchOptions:
    """Which scans are segmented, and what is written for each beside masks and statistics.

    Attributes:
        outputs: Options of further files: ``"probability"`` for the probability map, ``"dicom_seg"`` for a DICOM SEG
            of scans that are DICOM series.
        report: Write a contact sheet for each scan and an HTML report of the run.
        overwrite: Segment finished scans again, and replace their files.
        progress: Show bars over scans and slices.
        part: Part of the scans to do, where many machines share them; all by default.
        review: Write ``review.html``, too: the report with the most doubtful masks first.
        lobes: Lobes of the scans, for statistics of each; none by default.
        overlap_voxels: Voxels of the scans in memory together, while one is prepared, one is in the network and one is
            finished; 0 for one scan at a time.

    Raises:
        InputError: There is no such output.
    """

    outputs: Collection[str] = ()
    report: bool = True
    overwrite: bool = False
    progress: bool = True
    part: Part | None = None
    review: bool = False
    lobes: LobeFiles | None = None
    overlap_voxels: int = OVERLAP_VOXELS

    def __post_init__(self) -> None:
        for name in self.outputs:
            if name not in optional_outputs():
                raise InputError(f"output {name!r} is unknown; expected one of {', '.join(optional_outputs())}")

    def wanted(self, scans: Sequence[ScanSource]) -> list[ScanSource]:
        """Return the scans of the part that is to be done.

        Args:
            scans: All scans.
        """
        return [scan for scan in scans if self.part is None or self.part.holds(scan.name)]

    def writers(self) -> list[ResultWriter]:
        """Return the writers of the files that are wanted."""
        return wanted_writers({*self.outputs, *([REPORT] if self.report else [])})

    def as_dict(self) -> dict[str, bool]:
        """Return the options for the record of the run."""
        asked = {name: name in self.outputs for name in optional_outputs()}
        return {**asked, "report": self.report, "overwrite": self.overwrite}


@dataclass
class BatchResult:
    """What became of the scans of a run.

    Attributes:
        records: Facts and statistics of each scan that has results, by name.
        kept: Names of those that were finished before, by an earlier run or another process.
        skipped: Why a scan is not taken for a chest CT and has no results, by name.
        failures: One line for each scan that could not be segmented, by name.
        files: Table, report and record of all scans of the folder; empty where other parts of them are not done yet.
    """

    records: dict[str, ScanRecord] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    def update(self, other: BatchResult) -> None:
        """Add what became of other scans.

        Args:
            other: Their result.
        """
        self.records |= other.records
        self.kept += other.kept
        self.skipped |= other.skipped
        self.failures |= other.failures

    def in_order(self, names: Sequence[str]) -> BatchResult:
        """Return what became of each scan in the order of the names; they end in any order.

        Args:
            names: Names of the scans.
        """
        return replace(
            self,
            records={name: self.records[name] for name in names if name in self.records},
            skipped={name: self.skipped[name] for name in names if name in self.skipped},
            failures={name: self.failures[name] for name in names if name in self.failures},
        )
