"""What there is among found scans: which are segmented, which are skipped or refused and why, as table and text."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from infnet_monai.errors import one_line
from infnet_monai.scans.nifti_header import NIFTI_SUFFIXES
from infnet_monai.scans.source import ScanSource

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["scan_rows", "scan_table", "scan_text"]

USABLE, SKIPPED, REFUSED = "segmented", "skipped", "refused"
COLUMNS = ["name", "path", "kind", "series_number", "description", "modality", "size", "spacing"]
COLUMNS += ["state", "codes", "reason", "warnings"]
TEXT_COLUMNS = ("name", "kind", "size", "spacing", "state")
HEADINGS = ("scan", "kind", "voxels", "spacing (mm)", "state")
WIDTH = 100
LONGEST_NAME = 36


def scan_table(sources: Sequence[ScanSource]) -> pd.DataFrame:
    """Return a table with a row for each scan; names and descriptions are without control characters.

    Args:
        sources: The scans, with what is accepted turned into warnings.

    Returns:
        Columns: ``name``, ``path``, ``kind``, ``series_number``, ``description``, ``modality``, ``size`` (voxels),
        ``spacing`` (mm), ``state`` (``segmented``, ``skipped`` or ``refused``), ``codes`` of all problems, ``reason``
        for which it is skipped or refused, and ``warnings``.
    """
    import pandas as pd  # the text needs none of it

    return pd.DataFrame(scan_rows(sources), columns=COLUMNS)


def scan_rows(sources: Sequence[ScanSource]) -> list[dict[str, str]]:
    """Return the rows of :func:`scan_table`, each as texts by the names of the columns.

    Args:
        sources: The scans, with what is accepted turned into warnings.
    """
    return [_row(source) for source in sources]


def scan_text(sources: Sequence[ScanSource]) -> str:
    """Return the scans as lines of text: one for each, what is to be said of it below, and the totals.

    Args:
        sources: The scans, with what is accepted turned into warnings.

    Returns:
        Text of about 100 columns; long names lose their beginning, which the table keeps.
    """
    rows = scan_rows(sources)
    cells = [HEADINGS, *(tuple(row[column] for column in TEXT_COLUMNS) for row in rows)]
    cells = [(_shortened(name), *others) for name, *others in cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(each, widths, strict=True)).rstrip() for each in cells]
    text = [lines[0]]
    for line, row in zip(lines[1:], rows, strict=True):
        text.append(line)
        for remark in _remarks(row):
            text += textwrap.wrap(remark, WIDTH, initial_indent="    ", subsequent_indent="      ")
    return "\n".join([*text, "", _totals(rows)])


def _state(source: ScanSource) -> str:
    if source.skip_reason:
        return SKIPPED
    return REFUSED if source.refusal else USABLE


def _row(source: ScanSource) -> dict[str, str]:
    header, state = source.header, _state(source)
    return {
        "name": one_line(source.name),
        "path": one_line(str(source.path)),
        "kind": _kind(source),
        "series_number": "" if header.series_number is None else str(header.series_number),
        "description": one_line(header.series_description),
        "modality": one_line(header.modality),
        "size": " x ".join(map(str, header.shape or ())),
        "spacing": " x ".join(f"{size:.4g}" for size in header.spacing_mm or ()),
        "state": state,
        "codes": ",".join(problem.code for problem in source.problems),
        "reason": one_line({SKIPPED: source.skip_reason, REFUSED: source.refusal, USABLE: ""}[state]),
        "warnings": one_line("; ".join(source.warnings)),
    }


def _kind(source: ScanSource) -> str:
    name = source.path.name.lower()
    if source.is_dicom or name.endswith(".dcm"):
        return "DICOM"
    if name.endswith(NIFTI_SUFFIXES):
        return "NIfTI"
    kinds = {".nrrd": "NRRD", ".nhdr": "NRRD", ".mha": "MetaImage", ".mhd": "MetaImage"}
    return kinds.get(source.path.suffix.lower(), "-")


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"...{name[3 - LONGEST_NAME :]}"


def _remarks(row: Mapping[str, Any]) -> Iterator[str]:
    if row["series_number"] or row["description"]:
        yield f"series {row['series_number']} {row['description']}".strip()
    if row["reason"]:
        yield f"{row['state']}: {row['reason']}"
    if row["warnings"]:
        yield f"warning: {row['warnings']}"


def _totals(rows: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(row["state"] for row in rows)
    warned = sum(row["state"] == USABLE and bool(row["warnings"]) for row in rows)
    return (
        f"{len(rows)} found: {counts[USABLE]} would be segmented ({warned} with warnings), "
        f"{counts.get(SKIPPED, 0)} skipped, {counts.get(REFUSED, 0)} refused"
    )
