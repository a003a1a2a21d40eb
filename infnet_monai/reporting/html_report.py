"""One HTML file about a run: a table of scans, and a slice viewer for each that works without a network."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from infnet_monai.files import atomic_write
from infnet_monai.reporting.overlay import ViewerSlice

__all__ = ["ScanReport", "write_html_report"]

Statistics = Mapping[str, float | int | bool | None]

THUMBNAIL_PX = 96
MAX_PICTURES_MB = 40.0


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        key: Name in the statistics.
        heading: Heading of the column.
        unit: Unit, e.g. ``"ml"``.
        digits: Number of digits after the point.
    """

    key: str
    heading: str
    unit: str = ""
    digits: int = 0

    def format(self, statistics: Statistics) -> str:
        """Return the value as text; empty where it is undefined."""
        value = statistics.get(self.key)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "" if value is None else f"{value:.{self.digits}f}"


COLUMNS = (
    Column("lesion_percent_of_lung", "Lesion fraction of the lungs", "%", 1),
    Column("lesion_percent_of_right_lung", "Fraction of the right lung", "%", 1),
    Column("lesion_percent_of_left_lung", "Fraction of the left lung", "%", 1),
    Column("lesion_volume_ml", "Lesion volume", "ml", 1),
    Column("lung_volume_ml", "Lung volume", "ml"),
    Column("lesion_count", "Lesions"),
    Column("largest_lesion_ml", "Largest lesion", "ml", 1),
    Column("slices_with_lesion", "Slices with lesion"),
    Column("mean_lesion_hu", "Mean of lesions", "HU"),
    Column("lesion_touches_border", "Lesion at the scan's border"),
)


@dataclass(frozen=True)
class ScanReport:
    """What the report says about one scan.

    Attributes:
        name: Name of the scan.
        status: ``"ok"`` (green), ``"failed"`` (red) or a few words such as ``"warning"`` or ``"no lungs"`` (amber).
        message: One sentence, e.g. why it failed.
        statistics: Values by name, ``None`` where undefined.
        slices: Pictures for the viewer, from the feet upwards.
        files: Paths of the results, relative to the report, linked from it.
        warnings: What a user should know of it, one sentence each.
    """

    name: str
    status: str = "ok"
    message: str = ""
    statistics: Statistics = field(default_factory=dict)
    slices: Sequence[ViewerSlice] = ()
    files: Sequence[str] = ()
    warnings: Sequence[str] = ()


def write_html_report(
    path: str | Path,
    reports: Sequence[ScanReport],
    model: str,
    run: Mapping[str, Any] | None = None,
    skipped: Mapping[str, str] | None = None,
    title: str = "Lung infection on chest CT",
    max_pictures_mb: float = MAX_PICTURES_MB,
) -> Path:
    """Write the report of a run as one self-contained HTML file.

    Args:
        path: HTML file to write.
        reports: The scans in the order of the table.
        model: Name and version of the bundle.
        run: Facts of the run, e.g. its record; may be nested.
        skipped: Why a scan was not segmented, by name, for those that are not taken for a chest CT.
        title: Title of the page.
        max_pictures_mb: Size of all viewers together in MB; with more, each viewer leaves out slices evenly.

    Returns:
        The path.
    """
    step = _step_within_budget(reports, max_pictures_mb)
    environment = Environment(
        loader=PackageLoader("infnet_monai", "reporting"), autoescape=True, undefined=StrictUndefined
    )
    html = environment.get_template("report.html.j2").render(
        title=title,
        model=model,
        columns=COLUMNS,
        scans=[_scan_context(report, step) for report in reports],
        skipped=skipped or {},
        counts=_count_by_status(reports) | ({"skipped": len(skipped)} if skipped else {}),
        facts=_flatten(run or {}),
    )
    with atomic_write(path) as draft:
        draft.write_text(html, encoding="utf-8")
    return Path(path)


def _step_within_budget(reports: Sequence[ScanReport], max_pictures_mb: float) -> int:
    """Return the step between the slices of each viewer that fits into the budget."""
    megabytes = sum(len(picture.jpeg) for report in reports for picture in report.slices) * 4 / 3 / 1e6  # as base64
    return max(1, -(-megabytes // max_pictures_mb).__floor__())


def _scan_context(report: ScanReport, step: int) -> dict[str, Any]:
    """Return what the template needs to know of a scan; the viewer opens at the slice with most lesion."""
    most_lesion = max(report.slices, key=lambda picture: picture.lesion_pixels, default=None)
    shown = [picture for i, picture in enumerate(report.slices) if i % step == 0 or picture is most_lesion]
    start = next((i for i, picture in enumerate(shown) if picture is most_lesion), 0)
    if most_lesion and not most_lesion.lesion_pixels:
        start = len(shown) // 2
    return {
        "name": report.name,
        "status": report.status,
        "level": {"ok": "ok", "failed": "failed"}.get(report.status, "warning"),
        "message": report.message,
        "warnings": report.warnings,
        "statistics": report.statistics,
        "files": report.files,
        "thumbnail": _thumbnail(shown[start].jpeg) if shown else "",
        "start": start,
        "slices": [
            {"number": picture.index + 1, "lesion": picture.lesion_pixels > 0, "picture": _data_url(picture.jpeg)}
            for picture in shown
        ],
    }


def _thumbnail(jpeg: bytes) -> str:
    picture = Image.open(io.BytesIO(jpeg))
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return _data_url(file.getvalue())


def _data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _count_by_status(reports: Sequence[ScanReport]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for report in reports:
        counts[report.status] = counts.get(report.status, 0) + 1
    return counts


def _flatten(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Bring nested facts to one level: ``{"versions": {"torch": "2"}}`` becomes ``{"versions: torch": "2"}``."""
    flat: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{name}: "))
        elif value is not None:
            flat[f"{prefix}{name}"] = value
    return flat
