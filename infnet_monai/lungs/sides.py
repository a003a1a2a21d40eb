"""Right and left lung of a lung mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEFT", "RIGHT", "label_sides", "sides_of_columns"]

RIGHT, LEFT = 1, 2
TWO_LUNGS_MAX_CUT = 0.12  # a seam between two lungs meets less lung than this fraction of the mean column of the volume
OFF_CENTRE_COST = 1e-3  # of lung voxels per column: decides only between seams that cut equally much
SEAM_REACH = 2  # columns that the seam may move from one row to the next

Mask = NDArray[np.bool_]


def label_sides(lungs: Mask) -> NDArray[np.uint8]:
    """Label the right and the left lung, even where they touch.

    In every slice a seam from front to back cuts through as little lung as possible. Where it still meets much lung,
    there is one lung only; its hollow side faces the middle of the patient.

    Args:
        lungs: Both lungs, not empty, ``(H, W, D)`` bool, axis 0 towards posterior, axis 1 towards the patient's left.

    Returns:
        Labels ``(H, W, D)``, uint8: 0 elsewhere, 1 right lung, 2 left lung.

    Example:
        >>> lungs = np.array([[0, 1, 1, 0, 0, 0, 1, 1, 0]], dtype=bool)[..., np.newaxis]
        >>> label_sides(lungs)[..., 0].tolist()
        [[0, 1, 1, 0, 0, 0, 2, 2, 0]]
    """
    profile = lungs.sum(axis=(0, 2))
    occupied = np.flatnonzero(profile)
    first, end = int(occupied[0]), int(occupied[-1]) + 1
    margin = (end - first) // 4
    middle = slice(first + margin, end - margin)
    emptiest = np.flatnonzero(profile[middle] == profile[middle].min())
    seam = middle.start + _seam(lungs[:, middle], float(emptiest.mean()))[:, np.newaxis]  # (H, 1, D)
    if np.take_along_axis(lungs, seam, axis=1).sum() < TWO_LUNGS_MAX_CUT * profile[first:end].mean():
        is_left = np.arange(lungs.shape[1])[:, np.newaxis] > seam
        return np.where(is_left, LEFT, RIGHT).astype(np.uint8) * lungs
    return lungs * np.uint8(LEFT if _is_left_lung(lungs) else RIGHT)


def sides_of_columns(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return for each column the lung that a lesion there belongs to where the lung mask leaves it out.

    It is the lung whose centre is nearer from right to left; where only one lung was found that one, within its
    columns.

    Args:
        counts: Voxels of the right and of the left lung in each column, ``(2, W)``.

    Returns:
        1 for the right lung, 2 for the left one, 0 for none, ``(W,)``.

    Example:
        >>> sides_of_columns(np.array([[2, 2, 0, 0, 0, 0], [0, 0, 0, 0, 2, 2]])).tolist()
        [1, 1, 1, 2, 2, 2]
        >>> sides_of_columns(np.array([[0, 2, 2, 0], [0, 0, 0, 0]])).tolist()
        [0, 1, 1, 0]
    """
    columns, found = np.arange(counts.shape[1]), np.asarray(counts.any(axis=1))
    if found.all():
        right, left = (np.average(columns, weights=row) for row in counts)
        return np.where(abs(columns - right) <= abs(columns - left), RIGHT, LEFT).astype(np.uint8)
    if not found.any():
        return np.zeros(len(columns), dtype=np.uint8)
    first, last = np.flatnonzero(counts.any(axis=0))[[0, -1]]
    side = RIGHT if found[0] else LEFT
    return np.where((columns >= first) & (columns <= last), side, 0).astype(np.uint8)


def _is_left_lung(lung: Mask) -> bool:
    """Whether heart and hilum, which lie in a lung's concave side, are on the patient's right of it."""
    lung_in_front = np.logical_or.accumulate(lung, axis=0)
    lung_behind = np.logical_or.accumulate(lung[::-1], axis=0)[::-1]
    hollow = ~lung & lung_in_front & lung_behind
    middle = _mean_column(hollow) if hollow.any() else (lung.shape[1] - 1) / 2
    return _mean_column(lung) > middle


def _mean_column(mask: Mask) -> float:
    return float(np.average(np.arange(mask.shape[1]), weights=mask.sum(axis=(0, 2))))


def _seam(lungs: Mask, centre_column: float) -> NDArray[np.intp]:
    """Column of the cheapest path through each row and slice, (H, D); seam carving by dynamic programming."""
    from scipy import ndimage  # only where lungs are found: records of scans need no more than the numbers above

    rows, columns, slices = lungs.shape
    off_centre = OFF_CENTRE_COST * np.abs(np.arange(columns, dtype=np.float32) - centre_column)[:, np.newaxis]
    cost = np.empty(lungs.shape, dtype=np.float32)  # of the best path from the first row to each voxel
    cost[0] = lungs[0] + off_centre
    for row in range(1, rows):
        best = ndimage.minimum_filter1d(cost[row - 1], 2 * SEAM_REACH + 1, axis=0, mode="nearest")
        cost[row] = best + lungs[row] + off_centre
    seam = np.empty((rows, slices), dtype=np.intp)
    seam[-1] = cost[-1].argmin(axis=0)
    steps = np.arange(-SEAM_REACH, SEAM_REACH + 1)[:, np.newaxis]
    for row in range(rows - 2, -1, -1):
        reachable = np.clip(seam[row + 1] + steps, 0, columns - 1)
        choice = np.take_along_axis(cost[row], reachable, axis=0).argmin(axis=0)
        seam[row] = reachable[choice, np.arange(slices)]
    return seam
