"""What has become of the scans in a folder of results, read one record after the other."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infnet_monai.errors import InputError
from infnet_monai.files import natural_key
from infnet_monai.inference.outcomes import Outcome, Outcomes
from infnet_monai.inference.record import ScanRecord
from infnet_monai.inference.result_writers import RESULT_WRITERS, MaskWriter, ViewerSlicesWriter
from infnet_monai.label_scheme import LabelScheme
from infnet_monai.reporting.html_report import ClassRow, ScanReport
from infnet_monai.reporting.slice_sheet import read_slice_sheet

__all__ = ["RecordedScans", "record_file"]

logger = logging.getLogger(__name__)


def record_file(output_dir: Path, name: str) -> Path:
    """Return the file of a scan's record, whether it exists or not.

    Args:
        output_dir: Folder of the results.
        name: Name of the scan.
    """
    return output_dir / f"{name}.json"


@dataclass(frozen=True)
class RecordedScans:
    """The scans of a folder that have results or an outcome, sorted by name; among the names are other JSON files.

    Only their names are held, and the outcomes of scans without results; records are read when they are needed. An
    outcome counts before results, which it says are not those of the latest attempt.

    Attributes:
        output_dir: Folder of the results.
        names: Names of the scans, so sorted that ``ct_2`` comes before ``ct_10``.
        outcomes: Why scans have no results, by name.
    """

    output_dir: Path
    names: tuple[str, ...]
    outcomes: dict[str, Outcome]

    @classmethod
    def find(cls, output_dir: str | Path, also: Iterable[Outcome] = ()) -> RecordedScans:
        """Find the scans of a folder.

        Args:
            output_dir: Folder of the results.
            also: Outcomes that are known otherwise, e.g. because they could not be written.
        """
        output_dir = Path(output_dir)
        outcomes = {outcome.scan: outcome for outcome in (*Outcomes(output_dir).read(), *also)}
        names = {*_names_of_records(output_dir), *outcomes}
        return cls(output_dir, tuple(sorted(names, key=lambda name: (natural_key(name), name))), outcomes)

    def read(self) -> Iterator[ScanRecord | Outcome]:
        """Read one after the other what is known of each scan; what is no record is logged and passed over."""
        for name in self.names:
            if name in self.outcomes:
                yield self.outcomes[name]
            elif (record := self._read_record(name)) is not None:
                yield record

    def _read_record(self, name: str) -> ScanRecord | None:
        path = record_file(self.output_dir, name)
        try:
            record = ScanRecord.read(path)
        except InputError as error:
            mask = self.output_dir / f"{name}{MaskWriter.ending}"
            if path.exists() and mask.exists():  # else it is somebody else's, or replaced in this moment
                logger.warning("%s", error)
            return None
        # A copy, or results of another folder below this one, whose names count from there.
        return record if record.scan == name else None

    def report(self, name: str) -> ScanReport:
        """Return what the report says about a scan.

        Args:
            name: Name of the scan.
        """
        if name in self.outcomes:
            return ScanReport(name, self.outcomes[name].status, self.outcomes[name].message)
        record = self._read_record(name)
        if record is None:
            return ScanReport(name, "failed", "its record has been removed or replaced meanwhile; summarise again")
        endings = [*(writer.ending for writer in RESULT_WRITERS), ".json"]
        files = [f"{name}{ending}" for ending in endings if (self.output_dir / f"{name}{ending}").exists()]
        pictures = f"{name}{ViewerSlicesWriter.ending}"
        sheet = None
        if pictures in files:
            files.remove(pictures)
            try:
                sheet = read_slice_sheet(self.output_dir / pictures)
            except InputError as error:
                logger.warning("%s", error)
        return ScanReport(
            name=name,
            status=record.status,
            warnings=record.warnings,
            statistics={**record.statistics.as_dict(), **record.findings.as_dict()},
            pictures=pictures if sheet else "",
            sheet=sheet,
            files=files,
            classes=_class_rows(record),
            quality=record.quality,
        )


def _class_rows(record: ScanRecord) -> list[ClassRow]:
    """Return what the report says of each lesion class; nothing where there is only one."""
    scheme = LabelScheme.from_names(record.made_by.settings.classes) if record.classes else ()
    return [
        ClassRow(one.name, one.colour, found.volume_ml, found.percent_of_lesion)
        for one in scheme
        if (found := record.classes.get(one.column)) is not None
    ]


def _names_of_records(output_dir: Path) -> Iterator[str]:
    """Find what may be records; drafts and other hidden files and folders are passed over."""
    for folder, subfolders, files in os.walk(output_dir):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        within = Path(folder).relative_to(output_dir)
        for file in files:
            if file.endswith(".json") and not file.startswith("."):
                name = (within / file.removesuffix(".json")).as_posix()
                if name != "run":  # the record of the whole run; no scan has this name
                    yield name
