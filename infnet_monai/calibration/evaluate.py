"""Test of the estimate of quality: each case by a rule that has not seen it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from infnet_monai.calibration.calibrate import read_samples
from infnet_monai.files import atomic_write, write_json
from infnet_monai.quality.curves import RiskCoverage, best_possible, risk_coverage
from infnet_monai.quality.estimate import DO_NOT_USE, GOOD
from infnet_monai.quality.fit import QualitySample, held_out_rules
from infnet_monai.quality.model import sigmoid

__all__ = ["estimate_held_out", "evaluate_quality", "summarise_estimates"]

FALL = 0.2  # of Dice, from which a damaged scan has to be noticed


def evaluate_quality(samples: str | Path, output_dir: str | Path) -> dict[str, Any]:
    """Write ``estimates.csv``, ``summary.json``, ``by_damage.csv``, ``risk_coverage.csv`` and ``risk_coverage.png``.

    Args:
        samples: The ``samples.csv`` of a calibration.
        output_dir: Folder of the results.

    Returns:
        The summary.

    Raises:
        InputError: The table cannot be read, or has fewer than five cases.
    """
    output_dir = Path(output_dir)
    estimates = estimate_held_out(read_samples(samples))
    summary = summarise_estimates(estimates)
    tables = {"estimates": estimates, "by_damage": by_damage(estimates)}
    curves = _curves(estimates)
    tables["risk_coverage"] = pd.DataFrame(
        {"coverage": curves["predicted Dice"].coverage, **{name: curve.risk for name, curve in curves.items()}}
    )
    for name, table in tables.items():
        with atomic_write(output_dir / f"{name}.csv") as draft:
            table.to_csv(draft, index=False, float_format="%.4f")
    write_json(summary, output_dir / "summary.json")
    _draw(curves, output_dir / "risk_coverage.png")
    return summary


def estimate_held_out(samples: Sequence[QualitySample]) -> pd.DataFrame:
    """Estimate each sample by the rule that was fitted without its case.

    Args:
        samples: Samples of at least five cases.

    Returns:
        A row for each sample: ``case``, ``damage``, ``level``, ``dice``, ``dice_before`` (that of the undamaged scan),
        ``predicted_dice``, ``light``, ``lesion_ml``, ``reference_ml`` and the ranges of Dice and volume.
    """
    before = {sample.case: sample.dice for sample in samples if not sample.damage}
    rows = []
    for sample, rule in held_out_rules(samples):
        log_odds = rule.log_odds(sample.predictors)
        dice = sigmoid(log_odds)
        low, high = rule.volume_range(sample.lesion_ml, dice)
        rows.append(
            {
                "case": sample.case,
                "damage": sample.damage,
                "level": sample.level,
                "dice": sample.dice,
                "dice_before": before.get(sample.case, np.nan),
                "predicted_dice": dice,
                "predicted_dice_low": sigmoid(log_odds + rule.errors[0]),
                "predicted_dice_high": sigmoid(log_odds + rule.errors[1]),
                "light": DO_NOT_USE if sample.lungs_missing else rule.light(dice, sample.predictors),
                "lesion_ml": sample.lesion_ml,
                "volume_low_ml": low,
                "volume_high_ml": high,
                "reference_ml": sample.reference_ml,
            }
        )
    return pd.DataFrame(rows)


def summarise_estimates(estimates: pd.DataFrame) -> dict[str, Any]:
    """Return what the estimates are worth.

    Args:
        estimates: See :func:`estimate_held_out`.

    Returns:
        Counts; fractions of flagged scans; mean Dice of the kept and the flagged; the fraction of scans whose Dice and
        volume are within their range; the mean absolute error of the predicted Dice; areas under the risk-coverage
        curves. What cannot be said, for lack of scans, is ``None``.
    """
    flagged, undamaged = estimates.light != GOOD, estimates.damage == ""
    fallen = ~undamaged & (estimates.dice < estimates.dice_before - FALL)
    in_volume = estimates.reference_ml.between(estimates.volume_low_ml, estimates.volume_high_ml)
    in_dice = estimates.dice.between(estimates.predicted_dice_low, estimates.predicted_dice_high)
    values = {
        "flagged_undamaged": flagged[undamaged].mean(),
        "flagged_damaged": flagged[~undamaged].mean(),
        "flagged_of_fallen": flagged[fallen].mean(),
        "dice_undamaged": estimates.dice[undamaged].mean(),
        "dice_undamaged_kept": estimates.dice[undamaged & ~flagged].mean(),
        "dice_kept": estimates.dice[~flagged].mean(),
        "dice_flagged": estimates.dice[flagged].mean(),
        "volume_in_range_undamaged": in_volume[undamaged].mean(),
        "volume_in_range": in_volume.mean(),
        "dice_in_range_undamaged": in_dice[undamaged].mean(),
        "dice_in_range": in_dice.mean(),
        "error_of_predicted_dice": (estimates.dice - estimates.predicted_dice).abs().mean(),
        **{f"aurc_{name.replace(' ', '_')}": curve.area for name, curve in _curves(estimates).items()},
    }
    counts = {"cases": estimates.case.nunique(), "samples": len(estimates), "fallen": int(fallen.sum())}
    return counts | {name: None if np.isnan(value) else round(float(value), 4) for name, value in values.items()}


def by_damage(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return mean Dice, predicted Dice and the flagged fraction for each damage and level.

    Args:
        estimates: See :func:`estimate_held_out`.
    """
    table = estimates.assign(flagged=(estimates.light != GOOD).astype(float))
    means = table.groupby(["damage", "level"])[["dice", "predicted_dice", "flagged"]].mean()
    return means.reset_index()


def _curves(estimates: pd.DataFrame) -> dict[str, RiskCoverage]:
    dice = estimates.dice.to_numpy()
    return {
        "predicted Dice": risk_coverage(estimates.predicted_dice.to_numpy(), dice),
        "random order": risk_coverage(np.zeros(len(dice)), dice),
        "best possible": best_possible(dice),
    }


def _draw(curves: dict[str, RiskCoverage], path: Path) -> None:
    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(100 * curve.coverage, 1 - curve.risk, label=f"{name} (AURC {curve.area:.3f})")
    axes.set(xlabel="Scans kept, the surest first (%)", ylabel="Mean Dice of these", ylim=(0, 1))
    axes.legend(loc="lower left")
    with atomic_write(path) as draft, open(draft, "wb") as file:
        figure.savefig(file, format="png", dpi=150)
