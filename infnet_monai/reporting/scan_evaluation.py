"""What the evaluation of whole scans writes, and its summary as text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from infnet_monai.evaluation.agreement import Agreement
from infnet_monai.evaluation.bootstrap import FEW_CASES, FEWEST_CASES, MeanInterval
from infnet_monai.evaluation.scan_folders import ScanEvaluation
from infnet_monai.evaluation.scan_groups import GROUPS, GroupSummary, ScanGroup
from infnet_monai.evaluation.summary import write_csv
from infnet_monai.files import write_json
from infnet_monai.reporting.bland_altman import UNITS, draw_bland_altman
from infnet_monai.reporting.scan_dots import draw_scan_dots
from infnet_monai.stage import Stage

__all__ = ["summary_lines", "write_scan_evaluation"]

TABLE, AGREEMENT, DOTS, SUMMARY = "scans.csv", "bland_altman.png", "cases.png", "summary.json"
HEADING_WIDTH = 32
ALL_LESIONS, LARGE = "with_lesions", "large_lesions"


def write_scan_evaluation(evaluation: ScanEvaluation, folder: str | Path) -> list[Path]:
    """Write ``scans.csv``, ``bland_altman.png``, ``cases.png`` and ``summary.json``, all together or none.

    The picture of the agreement is left out where no scan has a lesion. Undefined values are empty in the table and
    null in the summary.

    Args:
        evaluation: Metrics of the scans.
        folder: Folder of the files, created if needed; files of an earlier evaluation are replaced.

    Returns:
        The files.

    Raises:
        StageBusy: Another process writes into the folder.
    """
    stage = Stage(folder, "evaluation", SUMMARY, obsolete=[AGREEMENT])
    with stage.lock(), stage.draft() as draft:
        write_csv(evaluation.table, draft / TABLE)
        draw_bland_altman(evaluation.table, evaluation.groups[ALL_LESIONS].agreement, draft / AGREEMENT)
        draw_scan_dots(evaluation.table, draft / DOTS)
        write_json(evaluation.as_dict(), draft / SUMMARY)
    return [path for name in (TABLE, SUMMARY, AGREEMENT, DOTS) if (path := Path(folder) / name).is_file()]


def summary_lines(groups: Mapping[str, GroupSummary]) -> list[str]:
    """Format the summary of the groups that have scans.

    Args:
        groups: Summaries by name of the group.

    Returns:
        Lines of text: for each group a heading, a line a metric with mean, 95 % interval and range, and the agreement.
    """
    lines = []
    for group in GROUPS:
        summary = groups[group.name]
        if group.name == LARGE and summary.scans == groups[ALL_LESIONS].scans > 0:
            lines += ["", f"{summary.title}: the same {summary.scans}"]
        elif summary.scans:
            lines += ["", f"{summary.title}: {summary.scans}", *_group_lines(group, summary)]
    return lines[1:]


def _group_lines(group: ScanGroup, summary: GroupSummary) -> list[str]:
    lines = [f"  {'':<{HEADING_WIDTH}} {'mean':>9}  {'95 % interval':^21}  {'least to most':^21}"]
    lines += [_metric_line(heading, summary.metrics[name]) for name, heading in group.metrics.items()]
    if summary.scans < FEWEST_CASES:
        lines.append(f"  Fewer than {FEWEST_CASES} scans: no intervals and no limits.")
    elif summary.scans < FEW_CASES:
        lines.append(f"  Intervals of fewer than {FEW_CASES} scans are too narrow.")
    for name, unit in UNITS.items() if summary.agreement else ():
        lines.append(f"  Prediction - reference ({unit}): {_limits(summary.agreement[name])}")
        lines.append(f"  Prediction / reference ({unit}): {_limits(summary.agreement[f'{name}_ratio'])}")
    return lines


def _metric_line(heading: str, found: MeanInterval) -> str:
    line = f"  {heading:<{HEADING_WIDTH}} {_number(found.mean):>9}  "
    line += f"{_range(found.low, found.high):^21}  {_range(found.minimum, found.maximum):^21}"
    return line.rstrip() + (f"  undefined in {found.undefined}" if found.undefined else "")


def _limits(found: Agreement) -> str:
    limits = f"bias {_number(found.bias)}, limits of agreement {_range(found.low, found.high)}"
    return limits + (f", undefined in {found.left_out}" if found.left_out else "")


def _range(low: float | None, high: float | None) -> str:
    return f"{_number(low)} to {_number(high)}" if low is not None else "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
