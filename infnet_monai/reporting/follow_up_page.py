"""Page of a follow-up: picture and table of each patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from infnet_monai.files import atomic_write

__all__ = ["PatientCourse", "write_follow_up_page"]

# Name in the table, heading, digits after the point.
COLUMNS = (
    ("date", "Date", 0),
    ("days_since_first", "Days", 0),
    ("lesion_volume_ml", "Lesion (ml)", 1),
    ("change_of_lesion_volume_ml", "Change (ml)", 1),
    ("lesion_percent_of_lung", "Lesion (% of the lungs)", 1),
    ("change_of_lesion_percent_of_lung", "Change (points)", 1),
    ("high_opacity_percent_of_lung", "−200 HU or more (% of the lungs)", 1),
    ("lung_volume_ml", "Lungs (ml)", 0),
    ("zone_score_0_to_24", "Zone score (0–24)", 0),
    ("ct_severity_score_0_to_25", "CT severity score (0–25)", 0),
    ("quality", "Quality", 0),
    ("predicted_dice", "Predicted Dice", 2),
)


@dataclass(frozen=True)
class PatientCourse:
    """The scans of one patient.

    Attributes:
        patient: Name of the patient.
        picture: PNG file, relative to the page.
        rows: Values of each scan by name, in the order of dates.
    """

    patient: str
    picture: str
    rows: Sequence[Mapping[str, Any]]


def write_follow_up_page(path: str | Path, courses: Sequence[PatientCourse], single: int = 0) -> Path:
    """Write the page; it links the pictures by relative paths and needs no network.

    Args:
        path: HTML file to write.
        courses: The patients.
        single: Number of patients with one scan, which are not among them.

    Returns:
        Path of the file.
    """
    loader = PackageLoader("infnet_monai", "reporting")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.filters["link"] = quote
    shown = [column for column in COLUMNS if any(row.get(column[0]) is not None for one in courses for row in one.rows)]
    html = environment.get_template("follow_up.html.j2").render(
        courses=courses, columns=shown, single=single, cell=_cell, warned=sum(map(_is_doubtful, courses))
    )
    with atomic_write(path) as draft:
        draft.write_text(html, encoding="utf-8", errors="backslashreplace")
    return Path(path)


def _is_doubtful(course: PatientCourse) -> bool:
    return any(row["warnings"] for row in course.rows)


def _cell(row: Mapping[str, Any], name: str, digits: int) -> str:
    """Return a value as text; changes carry their sign, and what is undefined is a dash."""
    value = row.get(name)
    if value is None or value != value:
        return "–"
    if isinstance(value, str):
        return value
    return f"{value:+.{digits}f}" if name.startswith("change") else f"{value:.{digits}f}"
