"""Agreement of two ways to measure the same quantity: bias and limits of agreement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from infnet_monai.evaluation.bootstrap import FEWEST_CASES

__all__ = ["Agreement", "difference_agreement", "ratio_agreement", "spans_orders"]

NORMAL_95 = 1.96
WIDE_RANGE = 10.0


@dataclass(frozen=True)
class Agreement:
    """Bias and 95 % limits of agreement; what is undefined is ``None``.

    Attributes:
        bias: Mean of the differences, or geometric mean of the ratios.
        low: Lower limit, below which 2.5 % of cases are expected; ``None`` for fewer than three cases.
        high: Upper limit.
        cases: Number of cases that it is computed from.
        left_out: Number of cases where it is undefined.
    """

    bias: float | None
    low: float | None
    high: float | None
    cases: int
    left_out: int


def difference_agreement(predicted: ArrayLike, reference: ArrayLike) -> Agreement:
    r"""Compute bias and limits of agreement of the differences d = predicted - reference.

    .. math::
        \bar d, \quad \bar d \pm 1.96\, s_d

    with the standard deviation s of N - 1.

    Args:
        predicted: Value of each case, (N,); NaN where undefined.
        reference: Reference of each case, same shape.

    Returns:
        Both in the unit of the values.

    Source:
        Bland, J. M., Altman, D. G.: Statistical methods for assessing agreement between two methods of clinical
        measurement. The Lancet 327(8476), 307-310 (1986).

    Example:
        >>> found = difference_agreement([11.0, 22.0, 33.0], [10.0, 20.0, 30.0])
        >>> found.bias, round(found.low, 6), round(found.high, 6)
        (2.0, 0.04, 3.96)
    """
    return _agreement(np.asarray(predicted, dtype=float) - np.asarray(reference, dtype=float))


def ratio_agreement(predicted: ArrayLike, reference: ArrayLike) -> Agreement:
    """Compute bias and limits of agreement of the ratios predicted / reference, on the logarithmic scale.

    Where errors grow with the quantity, the limits of the differences are too wide for small values and too narrow for
    large ones; those of the ratios hold for both.

    Args:
        predicted: Value of each case, (N,); undefined where NaN or 0.
        reference: Reference of each case, same shape; undefined where NaN or 0.

    Returns:
        Ratios: 1 is no bias, 1.2 is 20 % above the reference.

    Source:
        Bland and Altman (1986), section on logarithmic transformation.

    Example:
        >>> found = ratio_agreement([2.0, 20.0, 200.0, 0.0], [1.0, 10.0, 100.0, 5.0])
        >>> round(found.bias, 6), round(found.high, 6), found.left_out
        (2.0, 2.0, 1)
    """
    values = np.stack([np.asarray(predicted, dtype=float), np.asarray(reference, dtype=float)])
    logs = np.log(np.where(values > 0, values, np.nan))
    found = _agreement(logs[0] - logs[1])
    bias, low, high = (None if value is None else float(np.exp(value)) for value in (found.bias, found.low, found.high))
    return Agreement(bias, low, high, found.cases, found.left_out)


def spans_orders(values: ArrayLike) -> bool:
    """Return whether the positive values span more than one order of magnitude.

    Args:
        values: Value of each case, (N,); NaN where undefined.

    Example:
        >>> spans_orders([3.0, 20.0]), spans_orders([3.0, 40.0, 0.0])
        (False, True)
    """
    every = np.asarray(values, dtype=float)
    positive = every[every > 0]
    return bool(len(positive) and positive.max() > WIDE_RANGE * positive.min())


def _agreement(differences: np.ndarray) -> Agreement:
    defined = differences[~np.isnan(differences)]
    left_out = len(differences) - len(defined)
    if not len(defined):
        return Agreement(None, None, None, 0, left_out)
    bias = float(defined.mean())
    if len(defined) < FEWEST_CASES:
        return Agreement(bias, None, None, len(defined), left_out)
    half = NORMAL_95 * float(defined.std(ddof=1))
    return Agreement(bias, bias - half, bias + half, len(defined), left_out)
