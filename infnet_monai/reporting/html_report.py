"""The report of a run as HTML pages: a table of all scans, and a slice viewer for each that works without a network."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from infnet_monai.files import atomic_write
from infnet_monai.quality.estimate import QualityEstimate
from infnet_monai.reporting.slice_sheet import SliceSheet

__all__ = ["SCANS_ON_PAGE", "ClassRow", "ScanReport", "ScanRow", "report_pages", "write_html_report"]

Value = float | int | bool | None
Statistics = Mapping[str, Value]

SCANS_ON_PAGE = 100
SKIPPED, FAILED, OK = "skipped", "failed", "ok"
SORT_KEY = "lesion_volume_ml"


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

    def format(self, value: Value) -> str:
        """Return a value as text; empty where it is undefined."""
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
class ClassRow:
    """What the report says about one lesion class of a scan.

    Attributes:
        name: Name of the class.
        colour: Colour of its outline, ``#rrggbb``.
        volume_ml: Its volume.
        percent_of_lesion: Its fraction of all lesions in %; ``None`` without lesion.
    """

    name: str
    colour: str
    volume_ml: float
    percent_of_lesion: float | None


@dataclass(frozen=True)
class ScanReport:
    """What the report says about one scan.

    Attributes:
        name: Name of the scan.
        status: ``"ok"`` (green), ``"failed"`` (red), ``"skipped"`` for a scan that is not taken for a chest CT, or a
            few words such as ``"warning"`` or ``"no lungs"`` (amber).
        message: One sentence, e.g. why it failed.
        statistics: Values by name, ``None`` where undefined.
        pictures: File of the slices for the viewer, relative to the first page; empty where there is none.
        sheet: What is in that file.
        files: Paths of the results, relative to the first page, linked from it.
        warnings: What a user should know of it, one sentence each.
        classes: Its lesion classes where there are several.
        quality: Whether its mask can be trusted.
    """

    name: str
    status: str = OK
    message: str = ""
    statistics: Statistics = field(default_factory=dict)
    pictures: str = ""
    sheet: SliceSheet | None = None
    files: Sequence[str] = ()
    warnings: Sequence[str] = ()
    classes: Sequence[ClassRow] = ()
    quality: QualityEstimate | None = None

    def row(self) -> ScanRow:
        """Return what the table of all scans shows."""
        more = f" (and {len(self.warnings) - 1} more)" if len(self.warnings) > 1 else ""
        remark = self.message or (f"{self.warnings[0]}{more}" if self.warnings else "")
        values = tuple(self.statistics.get(column.key) for column in COLUMNS)
        return ScanRow(self.name, self.status, remark, values, self.quality.confidence if self.quality else None)


@dataclass(frozen=True)
class ScanRow:
    """A scan in the table of all, small enough to hold any number of them.

    Attributes:
        name: Name of the scan.
        status: See :class:`ScanReport`.
        remark: Message or first warning.
        values: Values of :data:`COLUMNS`.
        confidence: Confidence in the mask, see :class:`infnet_monai.quality.QualityEstimate`.
    """

    name: str
    status: str
    remark: str
    values: tuple[Value, ...]
    confidence: float | None = None

    @property
    def level(self) -> str:
        """Class of the status in the style sheet."""
        return self.status if self.status in (OK, FAILED, SKIPPED) else "warning"


def report_pages(path: Path, scans: int) -> list[Path]:
    """Return the files of the pages of a report.

    Args:
        path: HTML file of the first page.
        scans: Number of scans that are not skipped.

    Example:
        >>> [page.as_posix() for page in report_pages(Path("out/report.html"), 201)]
        ['out/report.html', 'out/report/page_2.html', 'out/report/page_3.html']
    """
    pages = max(1, -(-scans // SCANS_ON_PAGE))
    return [path, *(path.parent / path.stem / f"page_{number}.html" for number in range(2, pages + 1))]


def write_html_report(
    path: str | Path,
    rows: Sequence[ScanRow],
    load: Callable[[str], ScanReport],
    model: str,
    run: Mapping[str, Any] | None = None,
    title: str = "Lung infection on chest CT",
    warnings_first: bool = False,
    doubtful_first: bool = False,
) -> list[Path]:
    """Write the report of a run: the table of all scans and the first 100 of them, then a page for each 100 more.

    Scans with most lesion come first, failed ones last. Skipped ones are in the table only. Each page links pictures
    and results by relative paths, and needs no network.

    Args:
        path: HTML file of the first page; the others are written to a folder of its name beside it.
        rows: The scans.
        load: Returns all about the scan of a name; called once for each that is not skipped, in the order of the pages.
        model: Name and version of the bundle.
        run: Facts of the run, e.g. its record; may be nested.
        title: Title of the pages.
        warnings_first: Put scans that failed or have warnings before the others.
        doubtful_first: Put failed scans first, then the others by their confidence, the lowest first.

    Returns:
        The pages.
    """
    rows = sorted(rows, key=_doubt if doubtful_first else lambda row: _rank(row, warnings_first))
    shown = [row.name for row in rows if row.status != SKIPPED]
    pages = report_pages(Path(path), len(shown))
    environment = Environment(
        loader=PackageLoader("infnet_monai", "reporting"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["link"] = lambda file: quote(os.fsencode(file))
    template = environment.get_template("report.html.j2")
    constant = {"title": title, "model": model, "columns": COLUMNS, "pages": len(pages), "per_page": SCANS_ON_PAGE}
    constant |= {"counts": _count_by_status(rows), "total": len(rows), "stem": Path(path).stem}
    for number, page in enumerate(pages, start=1):
        names = shown[(number - 1) * SCANS_ON_PAGE : number * SCANS_ON_PAGE]
        table = {"rows": rows, "facts": dict(_flatten(run or {}))} if number == 1 else {"rows": (), "facts": {}}
        html = template.render(**constant, **table, page=number, scans=map(load, names))
        with atomic_write(page) as draft:
            draft.write_text(html, encoding="utf-8", errors="backslashreplace")
    return pages


def _rank(row: ScanRow, warnings_first: bool) -> tuple[int, float]:
    """Return the key to sort by; scans of the same rank stay in their order."""
    ranks = (FAILED, "warning", OK, SKIPPED) if warnings_first else ("warning", FAILED, SKIPPED)
    level = row.level if warnings_first or row.level != OK else "warning"
    volume = row.values[[column.key for column in COLUMNS].index(SORT_KEY)]
    return ranks.index(level), -(volume or 0)


def _doubt(row: ScanRow) -> tuple[int, float]:
    """Return the key that sorts the most doubtful scans to the front, those of unknown confidence among them."""
    rank = {FAILED: 0, SKIPPED: 2}.get(row.level, 1)
    return rank, -1.0 if row.confidence is None else row.confidence


def _count_by_status(rows: Sequence[ScanRow]) -> dict[str, int]:
    """Return the number of scans of each status, the good ones first, failed and skipped ones last."""
    counts = Counter((row.level, row.status) for row in rows)
    order = (OK, "warning", FAILED, SKIPPED)
    return {status: counts[level, status] for level, status in sorted(counts, key=lambda both: order.index(both[0]))}


def _flatten(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Bring nested facts to one level: ``{"versions": {"torch": "2"}}`` becomes ``versions: torch``, ``2``."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}: ")
        elif value is not None:
            yield f"{prefix}{name}", value
