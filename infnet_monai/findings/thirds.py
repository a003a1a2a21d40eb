"""Thirds of the height of each lung, and the score of the six zones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infnet_monai.findings.region import LungRegion, percent

__all__ = ["THIRDS", "percent_of_thirds", "zone_score"]

THIRDS = ("upper", "middle", "lower")
ZONE_LIMITS_PERCENT = (25, 50, 75)  # a value at a limit has the higher score


def percent_of_thirds(region: LungRegion) -> list[float | None]:
    """Return the lesion fraction of each third of each lung, in %.

    The slices from the first to the last one of a lung are divided into three parts of the same height; a slice belongs
    to the part that its middle is in. Carina and pulmonary veins, by which readers divide, are not looked for.

    Args:
        region: Lungs and lesions.

    Returns:
        Upper, middle and lower third of the right lung, then of the left one; ``None`` for a third without a slice,
        and for those of a lung that is not usable.
    """
    values: list[float | None] = []
    for lesion_area, area, usable in zip(region.lesion_areas, region.areas, region.usable, strict=True):
        values += _percents(lesion_area, area) if usable else [None] * len(THIRDS)
    return values


def _percents(lesion_area: NDArray[np.int64], area: NDArray[np.int64]) -> list[float | None]:
    first, last = np.flatnonzero(area)[[0, -1]]
    from_below = (2 * (np.arange(len(area)) - first) + 1) * len(THIRDS) // (2 * (last - first + 1))
    thirds = [from_below == len(THIRDS) - 1 - k for k in range(len(THIRDS))]
    return [percent(int(lesion_area[third].sum()), int(area[third].sum())) for third in thirds]


def zone_score(percents: Sequence[float | None]) -> int | None:
    """Return the sum of the scores of six zones: 0 without lesion, 1 below 25 %, 2 below 50, 3 below 75, 4 from 75 on.

    Args:
        percents: Lesion fraction of each zone in %.

    Returns:
        0 to 24; ``None`` where a fraction is not known.

    Example:
        >>> zone_score([0, 0.1, 24.9, 25, 74.9, 75])
        11
    """
    known = [value for value in percents if value is not None]
    if len(known) < len(percents):
        return None
    return sum(int(np.digitize(value, ZONE_LIMITS_PERCENT)) + 1 for value in known if value > 0)
