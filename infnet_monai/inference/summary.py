"""Table, report and record of a whole run, made from the records of its scans."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from infnet_monai.errors import InputError, one_line
from infnet_monai.files import back_up, write_json
from infnet_monai.findings.measure import Findings
from infnet_monai.inference.outcomes import FAILED, Outcome, Outcomes
from infnet_monai.inference.record import ScanRecord
from infnet_monai.inference.statistics import LesionStatistics
from infnet_monai.inference.summary_entries import RecordedScans, record_file
from infnet_monai.quality.estimate import QualityEstimate
from infnet_monai.reporting.html_report import ScanReport, ScanRow, write_html_report
from infnet_monai.run_record import StageTimer
from infnet_monai.stage import Stage, naming_output

__all__ = ["Summary", "note_scans", "summarise", "unfinished_scans"]

TABLE, PAGE, REVIEW, RUN = "statistics.csv", "report.html", "review.html", "run.json"
DONE, NOT_REACHED, UNREADABLE = "done", "not reached", "unreadable"
FACTS = ("scan", "status", "message", "warnings", "source", "bundle", "intensity")
COLUMNS = (*FACTS, *(column.name for of in (LesionStatistics, QualityEstimate, Findings) for column in fields(of)))
EXPECTED = "expected the folder that infnet segment was given as OUT"
OF_SCANS = ("scans", "failures", "skipped", "warnings", "seconds")  # of run.json, made again from the records


@dataclass
class Summary:
    """What a summary says about the scans of a folder.

    Attributes:
        states: ``"done"``, ``"failed"``, ``"skipped"`` or ``"not reached"``, by name, sorted by name.
        failures: Why scans failed, by name.
        skipped: Why scans are not taken for a chest CT, by name.
        warnings: Warnings about scans that have results, by name.
        seconds: Time of each stage of the work, for all scans together.
        models: Names and versions of the bundles.
        rows: Rows of the report's table.
        files: The files that were written.
    """

    states: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    models: list[str] = field(default_factory=list)
    rows: list[ScanRow] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def summarise(
    output_dir: str | Path,
    facts: Mapping[str, Any] | None = None,
    names: Iterable[str] | None = None,
    outcomes: Iterable[Outcome] = (),
    report: bool = True,
    warnings_first: bool = False,
    review: bool = False,
) -> Summary:
    """Write ``statistics.csv``, ``run.json`` and the report of all scans that have results in a folder.

    The records are read one after the other, so that memory hardly depends on their number. Any process may do this at
    any time, also while others segment; the files appear together.

    Args:
        output_dir: Folder of the results.
        facts: Facts of the run for ``run.json``; those that are there by default.
        names: Names of all scans of the run, also of those that are not reached yet; those of ``run.json`` by default.
        outcomes: Outcomes that are known otherwise than from the folder.
        report: Write the report, too.
        warnings_first: Put scans that failed or have warnings first in the report.
        review: Write ``review.html``, too: the report with the most doubtful masks first.

    Returns:
        What is in the files.

    Raises:
        InputError: There are no results, or the files cannot be written.
    """
    output_dir = Path(output_dir)
    if not output_dir.is_dir():
        raise InputError(f"{output_dir}: no such folder; {EXPECTED}")
    pages = {PAGE: report, REVIEW: review}
    obsolete = [old for page, wanted in pages.items() if wanted for old in _pages_of_report(output_dir, page)]
    stage = Stage(output_dir, "run", RUN, obsolete=obsolete)
    with naming_output(output_dir), stage.lock(wait=True):
        earlier = _read_run(output_dir)
        names = [name for name in (earlier.get("scans", ()) if names is None else names) if name]
        found = RecordedScans.find(output_dir, outcomes)
        if not found.names and not names:
            raise InputError(f"{output_dir}: no results there; {EXPECTED}")
        with stage.draft() as draft:
            summary = _write_table(found, draft / TABLE)
            summary.states |= {name: NOT_REACHED for name in names if name not in summary.states}
            if not _known_scans(earlier) <= summary.states.keys():
                back_up(output_dir, (TABLE, PAGE, REVIEW, RUN))
            of_run = earlier if facts is None else facts
            _write_pages_and_record(found, summary, of_run, draft, pages, warnings_first)
            summary.files = [output_dir / name for name in (TABLE, PAGE, REVIEW, RUN) if (draft / name).exists()]
    return summary


def note_scans(output_dir: str | Path, facts: Mapping[str, Any], names: Iterable[str]) -> None:
    """Write ``run.json`` at the start of a first run, so that it tells of all scans whatever ends the process.

    Args:
        output_dir: Folder of the results.
        facts: Facts of the run.
        names: Names of all scans of the run.
    """
    path = Path(output_dir) / RUN
    with naming_output(path.parent), Stage(output_dir, "run", RUN).lock(wait=True):
        if not path.exists():
            write_json({**facts, "scans": dict.fromkeys(names, NOT_REACHED)}, path)


def unfinished_scans(output_dir: str | Path, names: Iterable[str]) -> list[str]:
    """Return the scans that no process has finished: those without results that have neither failed nor been skipped.

    Args:
        output_dir: Folder of the results.
        names: Names of the scans.
    """
    outcomes = Outcomes(output_dir)
    return [name for name in names if not (record_file(Path(output_dir), name).is_file() or outcomes.has(name))]


def _write_table(found: RecordedScans, path: Path) -> Summary:
    """Write the table; return what is in it, without the files."""
    summary, models = Summary(), set()
    columns = (*COLUMNS, *_class_columns(found))
    with open(path, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        table = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        table.writeheader()
        for one in found.read():
            if isinstance(one, Outcome):
                table.writerow(asdict(one))
                lines = summary.failures if one.status == FAILED else summary.skipped
                lines[one.scan], summary.states[one.scan] = one.message, one.status
                summary.rows.append(ScanReport(one.scan, one.status, one.message).row())
            else:
                table.writerow(_table_row(one))
                _add_record(summary, one)
                models.add(one.made_by.model)
    summary.models = sorted(models)
    return summary


def _class_columns(found: RecordedScans) -> list[str]:
    """Return the columns of the lesion classes of all scans, in the order in which they are met; mostly none.

    Whether a folder has any shows in the first record; only then all records are read for them.
    """
    records = (one for one in found.read() if isinstance(one, ScanRecord))
    first = next(records, None)
    if first is None or not first.classes:
        return []
    return list(dict.fromkeys(column for one in (first, *records) for column in one.class_columns))


def _table_row(record: ScanRecord) -> dict[str, Any]:
    facts = {"scan": record.scan, "status": DONE, "warnings": "; ".join(record.warnings)}
    source = one_line(record.made_by.scan.path)
    facts |= {"source": source, "bundle": record.made_by.model, "intensity": record.intensity}
    quality = record.quality.as_dict() if record.quality else {}
    quality |= {"quality_reasons": "; ".join(quality.get("quality_reasons", ()))}
    return {**facts, **record.statistics.as_dict(), **quality, **record.findings.as_dict(), **record.class_columns}


def _add_record(summary: Summary, record: ScanRecord) -> None:
    summary.states[record.scan] = DONE
    if record.warnings:
        summary.warnings[record.scan] = list(record.warnings)
    for stage, seconds in record.seconds.items():
        summary.seconds[stage] += seconds
    statistics = record.statistics.as_dict()
    report = ScanReport(record.scan, record.status, "", statistics, warnings=record.warnings, quality=record.quality)
    summary.rows.append(report.row())


def _write_pages_and_record(
    found: RecordedScans,
    summary: Summary,
    facts: Mapping[str, Any],
    draft: Path,
    pages: Mapping[str, bool],
    warnings_first: bool,
) -> None:
    general = {name: value for name, value in facts.items() if name not in OF_SCANS} or {"bundles": summary.models}
    timer = StageTimer()
    if any(pages.values()):
        model = ", ".join(summary.models) or f"{facts.get('bundle', '')} {facts.get('bundle_version', '')}".strip()
        shown = general | {"seconds": _rounded(summary.seconds)}
        orders: dict[str, dict[str, Any]] = {PAGE: {"warnings_first": warnings_first}, REVIEW: {"doubtful_first": True}}
        with timer.stage("report"):
            for page in (name for name, wanted in pages.items() if wanted):
                write_html_report(draft / page, summary.rows, found.report, model, shown, **orders[page])
    of_scans: dict[str, Any] = {"scans": summary.states, "failures": summary.failures, "skipped": summary.skipped}
    of_scans |= {"warnings": summary.warnings, "seconds": _rounded({**summary.seconds, **timer.seconds})}
    write_json(general | of_scans, draft / RUN)


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in seconds.items()}


def _read_run(output_dir: Path) -> dict[str, Any]:
    """Return the record of the run that is there; one that cannot be read tells of a scan that nothing else does."""
    try:
        content = json.loads((output_dir / RUN).read_text(encoding="utf-8"))
        return {**content, "scans": dict(content["scans"])}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        return {"scans": {"": UNREADABLE}}


def _known_scans(run: Mapping[str, Any]) -> set[str]:
    """Return the scans that table and report of an earlier run tell of."""
    return {name for name, state in run.get("scans", {}).items() if state != NOT_REACHED}


def _pages_of_report(output_dir: Path, page: str) -> list[str]:
    """Return the further pages of a report that is there."""
    folder = output_dir / Path(page).stem
    return [path.relative_to(output_dir).as_posix() for path in folder.glob("page_*.html")]
