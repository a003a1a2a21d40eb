"""The table of a follow-up: statistics of each scan, and what has changed since the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from infnet_monai.follow_up.visits import Visit
from infnet_monai.inference.record import ScanRecord

__all__ = ["COLUMNS", "QUALITY", "course_table"]

STATISTICS = (
    *("lesion_volume_ml", "lesion_percent_of_lung", "lesion_percent_of_right_lung", "lesion_percent_of_left_lung"),
    *("lung_volume_ml", "high_opacity_percent_of_lung", "zone_score_0_to_24", "ct_severity_score_0_to_25"),
)
CHANGES = ("lesion_volume_ml", "lesion_percent_of_lung")
COLUMNS = (
    *("patient", "scan", "date", "days_since_first", *STATISTICS),
    *(f"change_of_{name}" for name in CHANGES),
    *("bundle", "warnings"),
)
# Before the warnings, where records have an estimate of quality.
QUALITY = ("quality", "predicted_dice", "lesion_volume_low_ml", "lesion_volume_high_ml")
NOT_OF_SETTINGS = {"scan", "lobes", "acceptance"}


def course_table(visits: Sequence[Visit], records: Mapping[str, ScanRecord]) -> pd.DataFrame:
    """Make the table of patients with two or more scans, those of each in the order of their dates.

    A change is that since the scan before; it is left out where that cannot be told, because several scans have one
    date.

    Args:
        visits: The scans of the patients.
        records: Records of these scans, by name.

    Returns:
        One row a scan with :data:`COLUMNS`, and :data:`QUALITY` where a record has an estimate of it; undefined
        values are ``None``.
    """
    patients: dict[str, list[Visit]] = {}
    for visit in visits:
        patients.setdefault(visit.patient, []).append(visit)
    rows = [row for own in patients.values() if len(own) > 1 for row in _rows(own, records)]
    names = [*COLUMNS[:-1], *(name for name in QUALITY if any(row.get(name) is not None for row in rows)), COLUMNS[-1]]
    return pd.DataFrame(rows, columns=names, dtype=object)


def _rows(visits: Sequence[Visit], records: Mapping[str, ScanRecord]) -> Iterator[dict[str, Any]]:
    """Give the rows of one patient."""
    ordered = sorted(visits, key=lambda visit: visit.date)
    known = {visit.scan: _values(records[visit.scan]) for visit in ordered}
    for visit in ordered:
        earlier = [other for other in ordered if other.date < visit.date]
        before = [other for other in earlier if other.date == earlier[-1].date]
        is_alone = sum(other.date == visit.date for other in ordered) == 1
        values, changes = known[visit.scan], dict.fromkeys((f"change_of_{name}" for name in CHANGES), None)
        if len(before) == 1 and is_alone:
            changes = {f"change_of_{name}": _change(known[before[0].scan][name], values[name]) for name in CHANGES}
        record = records[visit.scan]
        warnings = [*_differences(record, records[ordered[0].scan]), *record.warnings]
        if not is_alone:
            warnings.insert(0, "another scan of this patient has the same date; their order is not known")
        yield {
            "patient": visit.patient,
            "scan": visit.scan,
            "date": visit.date.isoformat(),
            "days_since_first": (visit.date - ordered[0].date).days,
            **{name: values.get(name) for name in STATISTICS},
            **changes,
            "bundle": record.made_by.model,
            **{name: values.get(name) for name in QUALITY},
            "warnings": "; ".join(warnings),
        }


def _values(record: ScanRecord) -> dict[str, Any]:
    """Return what a record says of its scan."""
    content = record.as_dict()
    values = {**content["statistics"], **content["findings"]}
    return values | dict(content.get("quality") or {})


def _change(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else round(after - before, 3)


def _differences(record: ScanRecord, first: ScanRecord) -> list[str]:
    """Say what makes a scan hard to compare with the first one."""
    differing = [name for name in record.made_by.differences(first.made_by) if name not in NOT_OF_SETTINGS]
    sentences = [f"{' and '.join(differing)} differ from those of the first scan"] if differing else []
    if record.intensity != first.intensity:
        sentences.append(f"intensities are {record.intensity}, those of the first scan {first.intensity}")
    return sentences
