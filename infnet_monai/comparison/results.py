"""From the summaries of finished runs to the rows of a comparison's tables, and the rows of the publications.

The publications are the paper of Fan et al. (2020) and the report of Yildizhan (2020).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from infnet_monai.comparison.plan import Run
from infnet_monai.evaluation.summary import EvaluationSummary, number_or_none
from infnet_monai.metrics import Metric, select_metrics
from infnet_monai.reporting.comparison_table import ComparisonRow, Estimate

__all__ = ["PUBLISHED_ROWS", "SOURCES", "RunResult", "key_metric", "method_rows", "read_result", "run_table"]

REPORT, PAPER = "Yildizhan (2020)", "Fan et al. (2020)"
SOURCES = {
    REPORT: "A. Yildizhan: Image Segmentation for COVID-19. CMP 717 final report, Hacettepe University, 2020, Table 2",
    PAPER: "D.-P. Fan et al.: Inf-Net. IEEE TMI 39(8), 2626-2637, 2020, arXiv 2004.14133 (48 test slices)",
}


@dataclass(frozen=True)
class RunResult:
    """Results of a finished run.

    Args:
        run: The run.
        metrics: Means over the slices with lesion by the metrics' columns, NaN where undefined.
        lesion_slices: Number of these slices.
        encoder_weights: Where the encoder's weights came from.
    """

    run: Run
    metrics: Mapping[str, float]
    lesion_slices: int
    encoder_weights: str


def key_metric(column: str) -> str:
    """Return the name that a bundle's evaluation gives to a metric."""
    return f"val_{column}"


def read_result(run: Run) -> RunResult:
    """Read the records of a finished run.

    Args:
        run: A run that has been trained and evaluated.

    Raises:
        InputError: The evaluation's summary is missing or damaged.
    """
    summary = EvaluationSummary.read(run.evaluation)
    training = json.loads(run.training_record.read_text(encoding="utf-8"))
    values = {metric.column: summary.key_metrics.get(key_metric(metric.column)) for metric in _metrics()}
    return RunResult(
        run,
        {column: math.nan if value is None else value for column, value in values.items()},
        summary.lesion_slices,
        training["encoder_weights"],
    )


def method_rows(results: Sequence[RunResult], planned: Mapping[str, int]) -> list[ComparisonRow]:
    """Make a row of each method that has a result.

    With folds, a metric is the mean over the folds, weighted by their slices with lesion, taken for each seed, and its
    spread is the standard deviation over the folds (of all seeds); without, mean and standard deviation are over the
    seeds. Undefined values are left out.

    Args:
        results: Results of all methods.
        planned: Number of runs by method; its order is that of the rows.
    """
    rows = []
    for name, count in planned.items():
        own = [result for result in results if result.run.method.name == name]
        if not own:
            continue
        rows.append(
            ComparisonRow(
                name,
                source="here" if len(own) == count else f"here, {len(own)} of {count} runs",
                metrics={metric.column: _estimate(own, metric.column) for metric in _metrics()},
                encoder_weights=", ".join(dict.fromkeys(result.encoder_weights for result in own)),
            )
        )
    return rows


def _metrics() -> list[Metric]:
    """Return the columns of the tables: the paper's protocol first."""
    return [*select_metrics("paper", printed=True), *select_metrics("clinical", printed=True)]


def _estimate(results: Sequence[RunResult], column: str) -> Estimate:
    defined = [result for result in results if not math.isnan(result.metrics[column])]
    if not defined:
        return Estimate(math.nan)
    by_seed = {
        seed: [result for result in defined if result.run.seed == seed]
        for seed in dict.fromkeys(result.run.seed for result in defined)
    }
    pooled = [
        np.average([fold.metrics[column] for fold in folds], weights=[fold.lesion_slices for fold in folds])
        for folds in by_seed.values()
    ]
    values = [result.metrics[column] for result in defined]
    return Estimate(float(np.mean(pooled)), float(np.std(values, ddof=1)) if len(values) > 1 else None)


def run_table(results: Sequence[RunResult]) -> pd.DataFrame:
    """Put runs into a table: method, seed, fold, slices with lesion, encoder weights and all metrics.

    Args:
        results: Results of the runs, one row each.
    """
    return pd.DataFrame(
        {
            "method": result.run.method.name,
            "seed": result.run.seed,
            "fold": result.run.fold,
            "lesion_slices": result.lesion_slices,
            "encoder_weights": result.encoder_weights,
            **{column: number_or_none(value) for column, value in result.metrics.items()},
        }
        for result in results
    )


def _published(network: str, source: str, *means: float) -> ComparisonRow:
    """Make the row of a publication, which prints these six metrics."""
    printed = ("mean_dice", "mean_sensitivity", "mean_specificity", "s_measure", "mean_e_measure", "mae")
    metrics = {f"paper_{name}": Estimate(mean) for name, mean in zip(printed, means, strict=True)}
    return ComparisonRow(network, source, metrics, "ImageNet" if source == PAPER else "not stated", ranked=False)


PUBLISHED_ROWS = (
    _published("Res2Net", REPORT, 0.713, 0.716, 0.952, 0.781, 0.867, 0.073),
    _published("iRes2Net", REPORT, 0.690, 0.658, 0.963, 0.781, 0.848, 0.073),
    _published("ResNeSt", REPORT, 0.708, 0.701, 0.958, 0.795, 0.868, 0.072),
    _published("ResNet", REPORT, 0.702, 0.678, 0.961, 0.785, 0.858, 0.071),
    _published("ResNeXt", REPORT, 0.711, 0.712, 0.954, 0.798, 0.866, 0.072),
    _published("VGG16", REPORT, 0.733, 0.699, 0.966, 0.782, 0.893, 0.063),
    _published("Inf-Net", PAPER, 0.682, 0.692, 0.943, 0.781, 0.838, 0.082),
    _published("Semi-Inf-Net", PAPER, 0.739, 0.725, 0.960, 0.800, 0.894, 0.064),
)
