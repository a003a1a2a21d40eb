"""Lesion fraction of each lobe, and the CT severity score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infnet_monai.findings.periphery import coarse_steps
from infnet_monai.findings.region import LungRegion, bounding_box, percent

__all__ = ["LOBES", "LobeFractions", "measure_lobes", "severity_score"]

LOBES = ("right_upper", "right_middle", "right_lower", "left_upper", "left_lower")  # values 1 to 5


@dataclass(frozen=True)
class LobeFractions:
    """How much of each lobe is lesion.

    Attributes:
        percents: Lesion fraction of each lobe in %, in the order of :data:`LOBES`; ``None`` for a lobe without voxels.
        outside_percent: How much of the lesions was outside all lobes and was counted for the nearest, in %; ``None``
            where there is no lesion.
    """

    percents: list[float | None]
    outside_percent: float | None


def measure_lobes(
    region: LungRegion, lobes: NDArray[np.uint8], spacing_mm: tuple[float, float, float]
) -> LobeFractions:
    """Measure how much of each lobe is lesion.

    Masks of lobes tend to leave dense lesions out. A lesion outside all of them counts, as lung and as lesion, for the
    lobe that is nearest.

    Args:
        region: Lungs and lesions.
        lobes: Lobes ``(H, W, D)`` on the voxels of the scan, 1 to 5 in the order of :data:`LOBES`, 0 elsewhere.
        spacing_mm: Size of a voxel along the axes of the scan.

    Returns:
        The fractions.
    """
    box = bounding_box(lobes)
    if box is None:
        return LobeFractions([None] * len(LOBES), percent(region.sides.size, region.sides.size))
    planes = [np.bincount(plane.ravel(), minlength=len(LOBES) + 1) for plane in lobes[box]]
    sizes = np.sum(planes, axis=0)
    of_lesions = lobes[region.box][region.voxels]
    is_outside = of_lesions == 0
    if is_outside.any():
        of_lesions[is_outside] = _nearest_lobes(region, lobes, is_outside, spacing_mm)
    lesions = np.bincount(of_lesions, minlength=len(LOBES) + 1)
    sizes = sizes + np.bincount(of_lesions[is_outside], minlength=len(LOBES) + 1)
    percents = [percent(int(lesion), int(size)) for lesion, size in zip(lesions[1:], sizes[1:], strict=True)]
    return LobeFractions(percents, percent(int(is_outside.sum()), is_outside.size))


def _nearest_lobes(
    region: LungRegion, lobes: NDArray[np.uint8], chosen: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> NDArray[np.uint8]:
    """Return the lobe nearest to each chosen voxel of lesions, on a coarse grid."""
    steps = coarse_steps(spacing_mm)
    coarse = lobes[tuple(slice(None, None, step) for step in steps)]
    if not coarse.any():
        steps, coarse = (1, 1, 1), lobes
    sampling = [step * mm for step, mm in zip(steps, spacing_mm, strict=True)]
    from scipy import ndimage  # a summary reads records without it

    nearest = ndimage.distance_transform_edt(coarse == 0, sampling, return_distances=False, return_indices=True)
    places = tuple(
        np.minimum((index[chosen] + extent.start + step // 2) // step, size - 1)
        for index, extent, step, size in zip(region.voxels, region.box, steps, coarse.shape, strict=True)
    )
    return coarse[tuple(axis[places] for axis in nearest)]


def severity_score(percents: Sequence[float | None]) -> int | None:
    """Return the CT severity score, the sum of the scores of five lobes.

    A lobe scores 0 without lesion, 1 below 5 %, 2 from 5 to 25 %, 3 above 25 and below 50 %, 4 from 50 to 75 %, 5 above
    75 %. So every border that is printed (5, 25, 50, 75) is in the class that it is printed with, and the gap between
    25 and 26, and between 49 and 50 %, belongs to class 3.

    Args:
        percents: Lesion fraction of each lobe in %.

    Returns:
        0 to 25; ``None`` where a fraction is not known.

    Example:
        >>> [severity_score([value]) for value in (0, 4.9, 5, 25, 25.5, 49.9, 50, 75, 75.1)]
        [0, 1, 2, 2, 3, 3, 4, 4, 5]
    """
    known = [value for value in percents if value is not None]
    if len(known) < len(percents):
        return None
    return sum((value > 0) + (value >= 5) + (value > 25) + (value >= 50) + (value > 75) for value in known)
