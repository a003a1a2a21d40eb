"""How much of the lesions is near the outer surface of the lungs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infnet_monai.findings.region import LungRegion, percent

__all__ = ["PERIPHERAL_MM", "coarse_steps", "percent_in_periphery"]

PERIPHERAL_MM = 20.0
GRID_MM = 3.0  # distances are measured on voxels of about this size; thicker ones stay


def coarse_steps(spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return the number of voxels along each axis that one voxel of the coarse grid stands for.

    Args:
        spacing_mm: Size of a voxel.

    Example:
        >>> coarse_steps((0.7, 0.7, 5.0))
        (4, 4, 1)
    """
    rows, columns, slices = (max(1, round(GRID_MM / size)) for size in spacing_mm)
    return rows, columns, slices


def percent_in_periphery(
    region: LungRegion, shape: tuple[int, ...], spacing_mm: tuple[float, float, float]
) -> tuple[float | None, float | None]:
    """Return how much of the lesions and how much of the lungs is within 20 mm of the lungs' outer surface.

    The outer surface faces chest wall and diaphragm: what is between the lungs in a row of a slice, such as the heart,
    is no surface, nor is the end of the scan. Distances run to the centre of the nearest voxel outside, in 3D.

    Args:
        region: Lungs and lesions.
        shape: Shape of the scan; where the lungs reach its end, there is no surface.
        spacing_mm: Size of a voxel along the axes of the scan.

    Returns:
        Fractions of the lesions in the lungs and of the lungs in %; ``None`` where not both lungs are usable, and for
        lesions where there are none.
    """
    if not all(region.usable):
        return None, None
    steps = coarse_steps(spacing_mm)
    starts = tuple(step // 2 if step // 2 < size else 0 for step, size in zip(steps, region.lungs.shape, strict=True))
    picked = tuple(slice(start, None, step) for start, step in zip(starts, steps, strict=True))
    lungs = (region.lungs[picked] > 0) | region.lesions[picked]
    margins = [(one.start > 0, one.stop < size) for one, size in zip(region.box, shape, strict=True)]
    near = _is_near_surface(lungs, margins, tuple(step * mm for step, mm in zip(steps, spacing_mm, strict=True)))
    rows, columns, slices = (
        np.minimum(index[region.sides > 0] // step, size - 1)
        for index, step, size in zip(region.voxels, steps, near.shape, strict=True)
    )
    of_lesions = percent(int(np.count_nonzero(near[rows, columns, slices])), rows.size)
    return of_lesions, percent(int(np.count_nonzero(near & lungs)), int(np.count_nonzero(lungs)))


def _is_near_surface(
    lungs: NDArray[np.bool_], margins: list[tuple[bool, bool]], spacing_mm: tuple[float, ...]
) -> NDArray[np.bool_]:
    """Mark what is near the outside of a chest whose lungs are joined from right to left."""
    joined = np.logical_or.accumulate(lungs, axis=1) & np.logical_or.accumulate(lungs[:, ::-1], axis=1)[:, ::-1]
    padded = np.pad(joined, [(int(low), int(high)) for low, high in margins])
    from scipy import ndimage  # a summary reads records without it

    distance_mm = ndimage.distance_transform_edt(padded, sampling=spacing_mm)
    inner = tuple(slice(int(low), int(low) + size) for (low, _), size in zip(margins, lungs.shape, strict=True))
    return distance_mm[inner] <= PERIPHERAL_MM if not padded.all() else np.zeros_like(lungs)
