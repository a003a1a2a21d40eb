"""Risk and coverage: how good the masks are that are kept when the doubtful ones are left aside."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infnet_monai.errors import InputError

__all__ = ["RiskCoverage", "best_possible", "risk_coverage"]


class RiskCoverage(NamedTuple):
    """Mean risk of the masks that are kept, against the fraction that is kept.

    Attributes:
        coverage: Fraction of the masks that is kept, ``1 / N`` to 1.
        risk: Mean of 1 - Dice of these.
        area: Area under the curve (AURC), the mean of ``risk``; lower is better.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    area: float


def risk_coverage(confidence: ArrayLike, dice: ArrayLike) -> RiskCoverage:
    """Keep masks in the order of their confidence, the surest first.

    Masks of the same confidence share the mean of their risks, so that their order does not count. A confidence that
    says nothing is the same for all masks: its area is their mean risk, the expectation of a random order.

    Source: Geifman and El-Yaniv, NeurIPS 2017; for segmentation Zenk et al., arXiv 2406.03323.

    Args:
        confidence: Confidence of each mask ``(N,)``, e.g. its predicted Dice.
        dice: Dice of each mask ``(N,)``.

    Raises:
        InputError: There are none, or not as many of both.

    Example:
        >>> risk_coverage([0.9, 0.1], [1.0, 0.5]).risk.tolist()
        [0.0, 0.25]
    """
    scores, risks = np.asarray(confidence, dtype=float), 1 - np.asarray(dice, dtype=float)
    if scores.ndim != 1 or scores.shape != risks.shape or not len(scores):
        raise InputError(f"confidence {scores.shape} and Dice {risks.shape}: expected as many of both, at least one")
    _, group = np.unique(-scores, return_inverse=True)
    shared = np.bincount(group, weights=risks) / np.bincount(group)
    ordered = shared[np.sort(group)]
    count = np.arange(1, len(scores) + 1)
    risk = np.cumsum(ordered) / count
    return RiskCoverage(count / len(scores), risk, float(risk.mean()))


def best_possible(dice: ArrayLike) -> RiskCoverage:
    """Return the curve of a confidence that ranks masks by their Dice.

    Args:
        dice: Dice of each mask ``(N,)``.
    """
    return risk_coverage(dice, dice)
