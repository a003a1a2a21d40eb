"""Intervals of means over cases, by resampling the cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

__all__ = ["CONFIDENCE", "FEWEST_CASES", "FEW_CASES", "RESAMPLES", "MeanInterval", "mean_interval"]

RESAMPLES = 10_000
CONFIDENCE = 0.95
FEWEST_CASES = 3  # two cases have three different resamples: no interval
FEW_CASES = 20  # below these the percentile interval is clearly too narrow
RESAMPLES_AT_ONCE = 1_000  # bounds the memory


@dataclass(frozen=True)
class MeanInterval:
    """Mean of a metric over cases; what is undefined is ``None``.

    Attributes:
        mean: Mean of the cases where the metric is defined.
        low: Lower end of the 95 % interval; ``None`` below three such cases.
        high: Upper end of the interval.
        minimum: Smallest value of a case.
        maximum: Largest value of a case.
        defined: Number of cases where the metric is defined.
        undefined: Number of the other cases.
    """

    mean: float | None
    low: float | None
    high: float | None
    minimum: float | None
    maximum: float | None
    defined: int
    undefined: int


def mean_interval(values: ArrayLike, seed: int = 0) -> MeanInterval:
    """Compute the mean over cases and its 95 % interval by the percentile bootstrap.

    The cases are drawn with replacement 10,000 times; the interval runs from the 2.5th to the 97.5th percentile of the
    means. It says how far the mean depends on which cases were chosen, as far as the cases are independent. For fewer
    than about 20 cases it is too narrow.

    Args:
        values: Value of each case, (N,); NaN where undefined.
        seed: Seed of the drawing.

    Returns:
        The mean and its interval.

    Source:
        Efron, B.: Bootstrap methods: another look at the jackknife. The Annals of Statistics 7(1), 1-26 (1979);
        :func:`scipy.stats.bootstrap`.

    Example:
        >>> found = mean_interval([0.5, 0.5, 0.5, float("nan")])
        >>> found.mean, found.low, found.high, found.undefined
        (0.5, 0.5, 0.5, 1)
        >>> mean_interval([0.2, 0.4]).low is None
        True
    """
    every = np.asarray(values, dtype=np.float64)
    cases = every[~np.isnan(every)]
    undefined = len(every) - len(cases)
    if not len(cases):
        return MeanInterval(None, None, None, None, None, 0, undefined)
    low = high = None
    if len(cases) >= FEWEST_CASES:
        found = stats.bootstrap(
            (cases,),
            np.mean,
            n_resamples=RESAMPLES,
            batch=RESAMPLES_AT_ONCE,
            confidence_level=CONFIDENCE,
            method="percentile",
            random_state=np.random.default_rng(seed),
        ).confidence_interval
        low, high = float(found.low), float(found.high)
    return MeanInterval(float(cases.mean()), low, high, float(cases.min()), float(cases.max()), len(cases), undefined)
