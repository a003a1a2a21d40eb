"""Table, pictures and page of a follow-up, from the records in a folder of results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from infnet_monai.errors import InputError
from infnet_monai.follow_up.course import course_table
from infnet_monai.follow_up.visits import Visit, read_visits, visits_from_headers
from infnet_monai.inference.record import ScanRecord
from infnet_monai.inference.summary_entries import RecordedScans
from infnet_monai.reporting.follow_up_chart import draw_follow_up
from infnet_monai.reporting.follow_up_page import PatientCourse, write_follow_up_page
from infnet_monai.stage import Stage, naming_output

__all__ = ["FollowUp", "follow_up"]

TABLE, PAGE, PICTURES = "follow_up.csv", "follow_up.html", "follow_up"


@dataclass(frozen=True)
class FollowUp:
    """A written follow-up.

    Attributes:
        table: One row a scan, see :func:`infnet_monai.follow_up.course_table`.
        single: Number of patients with one scan, which are left out.
        files: Table and page.
    """

    table: pd.DataFrame
    single: int
    files: tuple[Path, ...]


def follow_up(
    output_dir: str | Path, target: str | Path, patients: str | Path | None = None, show_patient_id: bool = False
) -> FollowUp:
    """Write table, pictures and page of the patients with two or more scans; nothing is segmented again.

    Args:
        output_dir: Folder of the results.
        target: Folder to write to.
        patients: CSV file with columns ``scan``, ``patient`` and ``date``; by default both are read from the headers
            of the DICOM files that the records name.
        show_patient_id: Name patients by their PatientID, where there is no CSV file; else they are numbered.

    Returns:
        What was written.

    Raises:
        InputError: There are no results, patient or date of a scan are not known, no patient has two scans, or the
            files cannot be written.
    """
    output_dir, target = Path(output_dir), Path(target)
    records = _read_records(output_dir)
    visits = read_visits(patients) if patients else visits_from_headers(records.values())
    unknown = [visit.scan for visit in visits if visit.scan not in records]
    if unknown:
        raise InputError(
            f"{patients}: {output_dir} has no results of scan {unknown[0]!r}; segment it or remove its row"
        )
    if not patients and not show_patient_id:
        visits = _numbered(visits)
    table = course_table(visits, records)
    if table.empty:
        raise InputError(f"{output_dir}: no patient has two scans with results; a follow-up needs two or more")
    single = len({visit.patient for visit in visits}) - table["patient"].nunique()
    earlier = [path.relative_to(target).as_posix() for path in (target / PICTURES).glob("patient_*.png")]
    with naming_output(target):
        target.mkdir(parents=True, exist_ok=True)
        stage = Stage(target, PICTURES, TABLE, obsolete=earlier)
        with stage.lock(wait=True), stage.draft() as draft:
            _write(table, single, draft)
    return FollowUp(table, single, (target / TABLE, target / PAGE))


def _read_records(output_dir: Path) -> dict[str, ScanRecord]:
    if not output_dir.is_dir():
        raise InputError(f"{output_dir}: no such folder; expected the folder that infnet segment was given as OUT")
    found = RecordedScans.find(output_dir).read()
    records = {record.scan: record for record in found if isinstance(record, ScanRecord)}
    if not records:
        raise InputError(f"{output_dir}: no results there; expected the folder that infnet segment was given as OUT")
    return records


def _numbered(visits: list[Visit]) -> list[Visit]:
    """Replace identifiers by numbers, in the order of the scans."""
    numbers = {patient: str(k) for k, patient in enumerate(dict.fromkeys(visit.patient for visit in visits), start=1)}
    return [Visit(visit.scan, numbers[visit.patient], visit.date) for visit in visits]


def _write(table: pd.DataFrame, single: int, folder: Path) -> None:
    table.to_csv(folder / TABLE, index=False, lineterminator="\n", errors="backslashreplace")
    courses, names = [], [str(name) for name in table]
    for number, (patient, rows) in enumerate(table.groupby("patient", sort=False), start=1):
        picture = f"{PICTURES}/patient_{number}.png"  # not by the name, which may be any text
        draw_follow_up(rows, folder / picture)
        courses.append(
            PatientCourse(str(patient), picture, [dict(zip(names, row, strict=True)) for row in rows.to_numpy()])
        )
    write_follow_up_page(folder / PAGE, courses, single)
