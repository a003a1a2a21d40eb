"""Fitting the rule that predicts Dice, and its errors, from held-out scans whose reference is known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from infnet_monai.errors import InputError
from infnet_monai.quality.model import ADDED_ML, DiceRule, sigmoid, volume_scale
from infnet_monai.quality.predictors import PREDICTORS, logit

__all__ = ["QualitySample", "fit_rule", "held_out_rules"]

COVERAGE = 0.9
RIDGE = 1.0
FLAGGED_UNDAMAGED = 0.1
REFUSED_DICE = 0.3
SMALLEST_NUMBER_OF_CASES = 4
LIMITED = ("uncertainty", "image_distance", "texture_distance", "content_distance")
MARGIN = 0.1  # above the highest undamaged value; the distances are logarithms, so 10 %
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class QualitySample:
    """A held-out scan, or a damaged copy of it, with what is known of its mask.

    Attributes:
        case: Name of the scan; its damaged copies have the same.
        damage: Name of the damage; empty for the scan itself.
        level: Level of the damage, 0 for the scan itself.
        dice: Dice of the mask against the reference.
        lesion_ml: Lesion volume of the mask in ml.
        reference_ml: Lesion volume of the reference in ml.
        lungs_missing: Whether lungs were sought in vain.
        predictors: See :func:`infnet_monai.quality.predictors.predictors_of`.
    """

    case: str
    damage: str
    level: int
    dice: float
    lesion_ml: float
    reference_ml: float
    lungs_missing: bool
    predictors: dict[str, float]


def fit_rule(samples: Sequence[QualitySample]) -> DiceRule:
    """Fit the rule on all samples, its errors on those of cases that each fit has not seen.

    The line is a ridge regression of the log odds of Dice in which no predictor may raise Dice, so that what it says
    can be read off. Errors are quantiles of leave-one-case-out errors (jackknife+ without its second correction, Barber
    et al., Ann Stat 2021), widened for the number of cases.

    Args:
        samples: Samples of at least four cases.

    Raises:
        InputError: There are fewer cases.
    """
    cases = _cases(samples)
    if len(cases) < SMALLEST_NUMBER_OF_CASES:
        raise InputError(
            f"{len(cases)} held-out cases ({', '.join(cases)}): expected {SMALLEST_NUMBER_OF_CASES} or more; give the "
            "folders of more folds"
        )
    errors, volume_errors, held_out = [], [], {}
    for case in cases:
        line = _fit_line([sample for sample in samples if sample.case != case])
        for sample in (one for one in samples if one.case == case):
            log_odds = _apply(line, sample)
            held_out[id(sample)] = sigmoid(log_odds)
            errors.append(logit(sample.dice) - log_odds)
            volume_errors.append(volume_error(sample) / volume_scale(sigmoid(log_odds)))
    intercept, *weights = _fit_line(samples)
    undamaged = [sample for sample in samples if not sample.damage]
    dices = [held_out[id(sample)] for sample in undamaged]
    check_below = float(np.quantile(dices, FLAGGED_UNDAMAGED, method="lower"))
    usual = {name: float(np.quantile([one.predictors[name] for one in undamaged], 0.95)) for name in PREDICTORS}
    return DiceRule(
        intercept=float(intercept),
        weights=dict(zip(PREDICTORS, map(float, weights), strict=True)),
        errors=_conformal(errors, len(cases)),
        volume_errors=_conformal(volume_errors, len(cases)),
        usual=usual,
        limits={name: max(one.predictors[name] for one in undamaged) + MARGIN for name in LIMITED},
        check_below=check_below,
        refuse_below=min(REFUSED_DICE, check_below),
    )


def held_out_rules(samples: Sequence[QualitySample]) -> Iterable[tuple[QualitySample, DiceRule]]:
    """Fit the rule without each case in turn, so that nothing of it is known when it is estimated.

    Args:
        samples: Samples of at least five cases.

    Yields:
        Each sample with the rule that has not seen its case.
    """
    for case in _cases(samples):
        rule = fit_rule([sample for sample in samples if sample.case != case])
        for sample in samples:
            if sample.case == case:
                yield sample, rule


def volume_error(sample: QualitySample) -> float:
    """Return the logarithm of the reference's lesion volume over the mask's, 1 ml added to both."""
    return math.log((sample.reference_ml + ADDED_ML) / (sample.lesion_ml + ADDED_ML))


def _cases(samples: Iterable[QualitySample]) -> list[str]:
    return list(dict.fromkeys(sample.case for sample in samples))


def _fit_line(samples: Sequence[QualitySample]) -> Vector:
    """Return the intercept and a weight of at most 0 for each predictor; each case counts the same."""
    rows = np.array([[sample.predictors[name] for name in PREDICTORS] for sample in samples])
    targets = np.array([logit(sample.dice) for sample in samples])
    names = [sample.case for sample in samples]
    counts = np.sqrt(len(samples) / (len(set(names)) * np.array([names.count(name) for name in names], dtype=float)))
    centre, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    scaled = np.column_stack([np.ones(len(rows)), (rows - centre) / spread]) * counts[:, None]
    penalty = math.sqrt(RIDGE) * np.eye(len(PREDICTORS) + 1)[1:]
    system, wanted = np.vstack([scaled, penalty]), np.append(targets * counts, np.zeros(len(PREDICTORS)))
    upper = np.array([np.inf, *[0.0] * len(PREDICTORS)]) + np.array([0, *[1e-12] * len(PREDICTORS)])
    found = lsq_linear(system, wanted, bounds=(-np.inf, upper)).x
    weights = np.minimum(found[1:], 0) / spread
    return np.array([found[0] - weights @ centre, *weights])


def _apply(line: Vector, sample: QualitySample) -> float:
    return float(line[0] + line[1:] @ np.array([sample.predictors[name] for name in PREDICTORS]))


def _conformal(errors: Sequence[float], cases: int) -> tuple[float, float]:
    """Return the lower and the upper quantile that hold 90 % of the errors of a further case."""
    beyond = max(0.0, (1 - COVERAGE) / 2 - (1 + COVERAGE) / 2 / cases)
    low, high = np.quantile(errors, beyond, method="lower"), np.quantile(errors, 1 - beyond, method="higher")
    return float(low), float(high)
