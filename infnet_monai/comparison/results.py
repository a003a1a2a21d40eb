"""From the summaries of finished runs to the rows of a comparison's tables."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from infnet_monai.comparison.plan import Run
from infnet_monai.handlers.paper_figures import TABLE_FIGURES
from infnet_monai.reporting.comparison_table import ComparisonRow, Estimate

__all__ = ["FIGURES", "RunResult", "method_rows", "read_result", "run_table"]

# Figures of the tables by the evaluator's metrics, all of them means over the slices with lesion.
FIGURES = {f"val_paper_{name}": name for name in TABLE_FIGURES} | {
    "val_dice": "dice_at_0.5",
    "val_sensitivity": "sensitivity_at_0.5",
    "val_specificity": "specificity_at_0.5",
    "val_mae": "mae_unscaled",
}


@dataclass(frozen=True)
class RunResult:
    """What a finished run has given.

    Args:
        run: The run.
        figures: Means over the slices with lesion, by the names in ``FIGURES``.
        lesion_slices: Number of these slices.
        encoder_weights: Where the encoder's weights came from.
    """

    run: Run
    figures: Mapping[str, float]
    lesion_slices: int
    encoder_weights: str


def read_result(run: Run) -> RunResult:
    """Read the records of a finished run."""
    summary, training = _read(run.evaluation / "summary.json"), _read(run.training_record)
    slices = summary["slices"]
    return RunResult(
        run,
        {name: float(summary["key_metrics"][metric]) for metric, name in FIGURES.items()},
        slices["count"] - slices["undefined"][f"paper_{TABLE_FIGURES[0]}"],
        training["encoder_weights"],
    )


def method_rows(results: Sequence[RunResult], planned: Mapping[str, int]) -> list[ComparisonRow]:
    """Make a row of each method that has a result.

    With folds, a figure is the mean over the slices of all folds, taken for each seed, and its spread is the standard
    deviation over the folds (of all seeds); without, mean and standard deviation are over the seeds.

    Args:
        results: Of all methods.
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
                figures={figure: _estimate(own, figure) for figure in FIGURES.values()},
                encoder_weights=", ".join(dict.fromkeys(result.encoder_weights for result in own)),
            )
        )
    return rows


def _estimate(results: Sequence[RunResult], figure: str) -> Estimate:
    by_seed = {
        seed: [result for result in results if result.run.seed == seed]
        for seed in dict.fromkeys(result.run.seed for result in results)
    }
    pooled = [
        np.average([fold.figures[figure] for fold in folds], weights=[fold.lesion_slices for fold in folds])
        for folds in by_seed.values()
    ]
    values = [result.figures[figure] for result in results]
    return Estimate(float(np.mean(pooled)), float(np.std(values, ddof=1)) if len(values) > 1 else None)


def run_table(results: Sequence[RunResult]) -> pd.DataFrame:
    """One row a run: method, seed, fold, slices with lesion, encoder weights and all figures."""
    return pd.DataFrame(
        {
            "method": result.run.method.name,
            "seed": result.run.seed,
            "fold": result.run.fold,
            "lesion_slices": result.lesion_slices,
            "encoder_weights": result.encoder_weights,
            **{name: None if math.isnan(value) else value for name, value in result.figures.items()},
        }
        for result in results
    )


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))
