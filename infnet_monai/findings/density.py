"""Density of lesions in HU: high opacity, and bands of the histogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infnet_monai.findings.region import LungRegion, percent

__all__ = ["BAND_LIMITS_HU", "HIGH_OPACITY_HU", "density_bands", "high_opacity"]

HIGH_OPACITY_HU = -200  # Chaganti et al., Radiology: Artificial Intelligence 2020, e200048
BAND_LIMITS_HU = (-700, -500, -200, 50)  # a value at a limit is in the band above it


def high_opacity(region: LungRegion, lesion_hu: NDArray) -> tuple[float | None, float | None, float | None]:
    """Return the percentage of high opacity (PHO): lesion of -200 HU or more, in % of the lungs.

    Args:
        region: Lungs and lesions.
        lesion_hu: Intensity of each voxel of lesions in HU, in the order of ``region.voxels``.

    Returns:
        Of both lungs, of the right and of the left one; ``None`` of a lung that is not usable.
    """
    dense = region.sides[lesion_hu >= HIGH_OPACITY_HU]
    return region.of_lungs(np.bincount(dense, minlength=3)[1:])


def density_bands(lesion_hu: NDArray) -> list[float | None]:
    """Return how much of all lesions is in each band, in %.

    Args:
        lesion_hu: Intensity of each voxel of lesions in HU.

    Returns:
        One value for each band, below the first limit, between the limits, and from the last one up; ``None`` where
        there is no lesion.

    Example:
        >>> density_bands(np.array([-900, -700, -201, -200, 50]))
        [20.0, 20.0, 20.0, 20.0, 20.0]
    """
    counts = np.bincount(np.digitize(lesion_hu, BAND_LIMITS_HU), minlength=len(BAND_LIMITS_HU) + 1)
    return [percent(int(count), lesion_hu.size) for count in counts]
