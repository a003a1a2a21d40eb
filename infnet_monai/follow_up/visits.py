"""Which patient a scan shows, and when it was taken: by a CSV file, or by the headers of its DICOM files."""

from __future__ import annotations

import csv
import datetime
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pydicom

from infnet_monai.errors import InputError
from infnet_monai.inference.record import ScanRecord
from infnet_monai.scans.dicom_series import find_series

__all__ = ["Visit", "read_visits", "visits_from_headers"]

NEEDED = ("scan", "patient", "date")
EXPECTED = "expected a CSV file with columns scan, patient and date, e.g. 2020-03-31"
FORMATS = ("%Y-%m-%d", "%Y%m%d")


@dataclass(frozen=True)
class Visit:
    """A scan of a patient.

    Attributes:
        scan: Name of the scan in its run.
        patient: Name or identifier of the patient.
        date: Day of the scan.
    """

    scan: str
    patient: str
    date: datetime.date


def read_visits(path: str | Path) -> list[Visit]:
    """Read a CSV file with a row for each scan: columns ``scan``, ``patient`` and ``date``.

    Args:
        path: The file. Dates are YYYY-MM-DD or YYYYMMDD; names of patients may be any text.

    Returns:
        The visits in the order of the rows.

    Raises:
        InputError: The file cannot be read or lacks a column, a value is missing or no date, or a scan is listed twice.
    """
    path = Path(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, strict=True)
            lacking = [name for name in NEEDED if name not in (table.fieldnames or ())]
            if lacking:
                raise InputError(f"{path}: has no column {lacking[0]}; {EXPECTED}")
            rows = [(table.line_num, [(row[name] or "").strip() for name in NEEDED]) for row in table]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {EXPECTED}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: is no CSV file in UTF-8 ({error}); {EXPECTED}") from error
    visits = [_visit(f"{path}, line {number}", *values) for number, values in rows]
    twice = [scan for scan, count in Counter(visit.scan for visit in visits).items() if count > 1]
    if twice:
        raise InputError(f"{path}: scan {twice[0]!r} is listed twice; keep one of its rows")
    return visits


def visits_from_headers(records: Iterable[ScanRecord]) -> list[Visit]:
    """Read patient and date of scans from their DICOM files, where the records say these are.

    Neither is kept in the records, so that results can be passed on without them.

    Args:
        records: Records of the scans.

    Returns:
        The visits.

    Raises:
        InputError: A scan is no DICOM series, its files are not there any more, or they do not tell patient or date.
    """
    return [_visit_of(record) for record in records]


def _visit_of(record: ScanRecord) -> Visit:
    remedy = "give --patients, a CSV file with columns scan, patient and date"
    identity = record.made_by.scan
    if not identity.series:
        raise InputError(f"{record.scan}: no DICOM series, so patient and date are not known; {remedy}")
    try:
        (file, *_) = find_series(Path(identity.path), identity.series).files
        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["PatientID", "StudyDate"], force=True)
        patient, date = (str(header.get(keyword) or "").strip() for keyword in ("PatientID", "StudyDate"))
    except (InputError, OSError, ValueError) as error:
        raise InputError(f"{record.scan}: {identity.path} cannot be read for patient and date; {remedy}") from error
    if not patient or not date:
        missing = "PatientID" if not patient else "StudyDate"
        raise InputError(f"{record.scan}: {identity.path} has no {missing}, and the order is not guessed; {remedy}")
    return _visit(str(identity.path), record.scan, patient, date)


def _visit(place: str, scan: str, patient: str, date: str) -> Visit:
    for value, name in ((scan, "scan"), (patient, "patient"), (date, "date")):
        if not value:
            raise InputError(f"{place}: has no {name}; {EXPECTED}")
    for form in FORMATS:
        try:
            return Visit(scan, patient, datetime.datetime.strptime(date, form).date())
        except ValueError:
            continue
    raise InputError(f"{place}: {date!r} is no date; expected YYYY-MM-DD or YYYYMMDD")
