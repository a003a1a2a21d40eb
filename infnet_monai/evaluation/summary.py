"""What an evaluation writes: a table of slices, one of cases, and ``summary.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from infnet_monai.errors import InputError
from infnet_monai.evaluation.cases import CaseMetrics, case_table, slice_table
from infnet_monai.files import atomic_write, write_json
from infnet_monai.metrics import CLINICAL_THRESHOLD, Metric

__all__ = ["EvaluationSummary", "TableSummary", "number_or_none", "write_case_tables", "write_csv"]

SUMMARY_NAME = "summary.json"


@dataclass(frozen=True)
class TableSummary:
    """Summary of a table's rows.

    Args:
        count: Number of rows.
        mean: Mean of each metric over the rows where it is defined; None where it is nowhere.
        undefined: Number of rows where each metric is undefined.
    """

    count: int
    mean: Mapping[str, float | None]
    undefined: Mapping[str, int]

    @classmethod
    def of(cls, table: pd.DataFrame) -> TableSummary:
        """Summarise a table of metrics with the columns ``case`` and perhaps ``class`` and ``slice``."""
        values = table.drop(columns=["case", "class", "slice"], errors="ignore")
        return cls(
            len(table),
            {str(name): number_or_none(float(mean)) for name, mean in values.mean().items()},
            {str(name): int(count) for name, count in values.isna().sum().items()},
        )


@dataclass(frozen=True)
class EvaluationSummary:
    """Content of ``summary.json``.

    Args:
        key_metrics: Metrics of the evaluator by name, means over the slices with lesion; None where undefined.
        lesion_slices: Number of slices with lesion.
        slices: Summary of ``slices.csv``.
        cases: Summary of ``cases.csv``.
        threshold: Threshold of the metrics of the clinical protocol.
    """

    key_metrics: Mapping[str, float | None]
    lesion_slices: int
    slices: TableSummary
    cases: TableSummary
    threshold: float = CLINICAL_THRESHOLD

    def write(self, folder: Path) -> None:
        """Write ``summary.json`` into a folder, whole or not at all."""
        write_json(asdict(self), folder / SUMMARY_NAME)

    @classmethod
    def read(cls, folder: Path) -> EvaluationSummary:
        """Read the ``summary.json`` of a folder.

        Args:
            folder: Folder of an evaluation.

        Raises:
            InputError: The file is missing or is no summary of an evaluation.
        """
        path = folder / SUMMARY_NAME
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            slices, cases = (TableSummary(**content.pop(name)) for name in ("slices", "cases"))
            return cls(**content, slices=slices, cases=cases)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: is no summary of an evaluation ({error}): run the evaluation again") from error


def write_case_tables(
    folder: Path, cases: Sequence[CaseMetrics], metrics: Sequence[Metric], key_metrics: Mapping[str, float]
) -> EvaluationSummary:
    """Write ``slices.csv``, ``cases.csv`` and, last, ``summary.json``; undefined values are empty or null.

    Args:
        folder: Folder of the files, created if needed.
        cases: Cases measured with details.
        metrics: Rows of the table of metrics that they were measured by.
        key_metrics: Metrics of the evaluator by name.

    Returns:
        The summary.
    """
    slices, volumes = slice_table(cases, metrics), case_table(cases, metrics)
    write_csv(slices, folder / "slices.csv")
    write_csv(volumes, folder / "cases.csv")
    summary = EvaluationSummary(
        {name: number_or_none(value) for name, value in key_metrics.items()},
        sum(sum(case.lesion) for case in cases),
        TableSummary.of(slices),
        TableSummary.of(volumes),
    )
    summary.write(folder)
    return summary


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, whole or not at all.

    Args:
        table: Table; its index is left out.
        path: CSV file to write.
    """
    with atomic_write(path) as draft:
        table.to_csv(draft, index=False)


def number_or_none(value: float) -> float | None:
    """Return a number as JSON can hold it: None for NaN."""
    return None if math.isnan(value) else value
