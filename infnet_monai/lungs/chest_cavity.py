"""The chest cavity as far as the lungs show it, with lungs and bases that are too dense to be found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

from infnet_monai.lungs.sides import LEFT, RIGHT

__all__ = ["LUNG_SPACE", "RIM", "find_chest_cavity"]

RIM, LUNG_SPACE = 1, 2
COARSE_VOXEL_MM = 3.0
RIM_MM = 15.0  # consolidation at the pleura that the hull of the lungs leaves out
ONE_SIDED_BELOW = 0.5  # volume of the smaller lung, of the larger one's; about 0.85 in healthy adults
ENDS_APART_MM = 40.0  # one diaphragm stands up to 20 mm higher than the other in healthy adults
CUT_OFF_AFTER_MM = 12.0
CUT_OFF_ABOVE = 0.35  # of its largest area; that near to its end, a whole lung is thinner
SMALL_ML = 1500.0  # both lungs; less means that much is dense, or a child
BASE_MM, APEX_MM = 120.0, 60.0  # extension of lungs that are cut off; a third of a lung is about 100 mm high
SMALL_MM = 40.0  # extension of lungs that are only small
BACK_ABOVE_MM, BACK_MM = 65.0, 35.0  # largest usual distance from a lung to the skin of the back, and a common one
END_MM = 40.0  # this part of the lungs gives the outline of the extension
GAS_MM2 = 400.0  # in a slice, a loop of bowel or the stomach; bronchi and cavities are mostly smaller
GAS_MARGIN_MM = 8.0
ABDOMEN_FRACTION = 1 / 3  # lowest part of the lungs' height, where gas is that of the abdomen

IN_SLICE = np.zeros((3, 3, 3), dtype=bool)
IN_SLICE[:, 1, 1] = IN_SLICE[1, :, 1] = True

Mask = NDArray[np.bool_]
Distance = NDArray[np.float32]


def find_chest_cavity(labels: NDArray[np.uint8], body: Mask, gas: Mask, voxel_mm: Sequence[float]) -> NDArray[np.uint8]:
    """Find the chest cavity around the lungs.

    In each slice it is the convex hull of the lungs, which holds the heart and consolidation between aerated lung, with
    a rim. A lung that is missing, much smaller, or ends higher than the other is taken to be as large as the mirror
    image of the other, across the middle of the body. Lungs that end abruptly within the scan, which healthy ones do
    not, or are small are extended downwards and upwards; those that end far from the back are extended to it.

    Args:
        labels: Lungs, ``(H, W, D)``, 1 right and 2 left, oriented PLS.
        body: The patient with lungs and bowel gas, ``(H, W, D)``.
        gas: Air in the body that is not in the lungs, ``(H, W, D)``; large regions of it at the height of the diaphragm
            are bowel and do not belong to the cavity.
        voxel_mm: Voxel size along the three axes in mm.

    Returns:
        uint8 ``(H, W, D)``: 0 outside, 1 in the rim, 2 in the space of the lungs; all 0 where there are no lungs.
    """
    steps = [max(1, round(COARSE_VOXEL_MM / mm)) for mm in voxel_mm]
    coarse = tuple(slice(None, None, step) for step in steps)
    coarse_mm = [step * mm for step, mm in zip(steps, voxel_mm, strict=True)]
    chest = np.zeros(labels[coarse].shape, dtype=np.uint8)
    if labels[coarse].any():
        distance_mm = _distance_to_lungs(labels[coarse], body[coarse], coarse_mm)
        reach = 2 * int(RIM_MM // coarse_mm[2]) + 1
        chest[ndimage.minimum_filter1d(distance_mm, reach, axis=2, mode="nearest") <= RIM_MM] = RIM
        chest[distance_mm <= 0] = LUNG_SPACE
        chest[~body[coarse] | _bowel(gas[coarse], labels[coarse], coarse_mm)] = 0
    chest = chest[np.ix_(*(np.arange(size) // step for size, step in zip(labels.shape, steps, strict=True)))]
    chest[labels > 0] = LUNG_SPACE
    return chest


def _distance_to_lungs(labels: NDArray[np.uint8], body: Mask, mm: Sequence[float]) -> Distance:
    """Distance in mm within the slice to the hull of the lungs, (H, W, D): 0 and less inside, infinite without lung."""
    lungs = _extended_to_the_back(labels == RIGHT, body, mm) | _extended_to_the_back(labels == LEFT, body, mm)
    if _is_one_sided(labels, mm[2]):
        lungs |= _mirrored(lungs, body)
    distance = np.full(labels.shape, np.inf, dtype=np.float32)
    occupied = np.flatnonzero(lungs.any(axis=(0, 1)))
    for k in occupied:
        distance[..., k] = _distance_to_hull(lungs[..., k], mm)
    for k in set(range(occupied[0], occupied[-1])) - set(occupied):
        distance[..., k] = distance[..., occupied[abs(occupied - k).argmin()]]
    below, above = (round(missing / mm[2]) for missing in _missing_mm(lungs, mm))
    reach = max(1, round(END_MM / mm[2]))
    lowest, highest = occupied[0], occupied[-1]
    distance[..., max(0, lowest - below) : lowest] = distance[..., lowest : lowest + reach].min(axis=2, keepdims=True)
    end = distance[..., max(lowest, highest + 1 - reach) : highest + 1].min(axis=2, keepdims=True)
    distance[..., highest + 1 : highest + 1 + above] = end
    return distance


def _is_one_sided(labels: NDArray[np.uint8], slice_mm: float) -> bool:
    """Whether one lung is missing, much smaller, or ends much higher or lower or more abruptly than the other."""
    areas = [(labels == side).sum(axis=(0, 1)) for side in (RIGHT, LEFT)]
    if min(area.sum() for area in areas) < ONE_SIDED_BELOW * max(area.sum() for area in areas):
        return True
    ends_mm = np.array([np.flatnonzero(area)[[0, -1]] for area in areas]) * slice_mm
    cut_off = np.array([_cut_off(area, slice_mm) for area in areas])
    return bool((np.ptp(ends_mm, axis=0) > ENDS_APART_MM).any() or (cut_off[0] != cut_off[1]).any())


def _cut_off(areas: NDArray[np.int64], slice_mm: float) -> tuple[bool, bool]:
    """Whether lung with these areas in its slices ends abruptly within the scan, below and above."""
    first, last = np.flatnonzero(areas)[[0, -1]]
    inwards = min(int(CUT_OFF_AFTER_MM / slice_mm), last - first)
    largest = CUT_OFF_ABOVE * areas.max()
    below = first > 0 and areas[first + inwards] > largest
    return bool(below), bool(last < len(areas) - 1 and areas[last - inwards] > largest)


def _missing_mm(lungs: Mask, mm: Sequence[float]) -> tuple[float, float]:
    """Height in mm by which the lungs are to be extended downwards and upwards."""
    areas = lungs.sum(axis=(0, 1))
    least_mm = SMALL_MM if areas.sum() * np.prod(mm) / 1000 < SMALL_ML else 0.0
    below, above = _cut_off(areas, mm[2])
    return BASE_MM if below else least_mm, APEX_MM if above else least_mm


def _extended_to_the_back(lung: Mask, body: Mask, mm: Sequence[float]) -> Mask:
    """One lung, with what is behind it where it ends so far from the back that the lung behind must be dense."""
    rows = np.arange(len(lung))[:, np.newaxis, np.newaxis]
    last, back = (np.where(mask, rows, -1).max(axis=0) for mask in (lung, body))  # (W, D)
    distance_mm = np.where(last >= 0, (back - last) * mm[0], np.inf).min(axis=0)  # of each slice
    if not lung.any() or np.median(distance_mm[np.isfinite(distance_mm)]) < BACK_ABOVE_MM:
        return lung
    return lung | ((last >= 0) & (rows > last) & (rows <= back - BACK_MM / mm[0]))


def _mirrored(lungs: Mask, body: Mask) -> Mask:
    """Lungs mirrored from right to left across the middle of the body, as far as the image reaches."""
    columns = [np.flatnonzero(body[..., k].any(axis=0)) for k in np.flatnonzero(lungs.any(axis=(0, 1)))]
    twice_the_middle = round(float(np.median([found[0] + found[-1] for found in columns])))
    source = twice_the_middle - np.arange(lungs.shape[1])
    is_inside = (source >= 0) & (source < lungs.shape[1])
    mirrored = np.zeros_like(lungs)
    mirrored[:, is_inside] = lungs[:, source[is_inside]]
    return mirrored


def _distance_to_hull(lungs: Mask, mm: Sequence[float]) -> Distance:
    """Distance in mm of the pixels' centres to the convex hull of a slice's lungs, (H, W), not above the true one."""
    rows = np.flatnonzero(lungs.any(axis=1))
    first, last = lungs[rows].argmax(axis=1), lungs.shape[1] - lungs[rows, ::-1].argmax(axis=1)
    edges = np.stack([np.tile(rows, 2), np.concatenate([first, last])], axis=1) - 0.5
    hull = ConvexHull(
        np.concatenate([edges, edges + np.array([1, 0])]) * mm[:2]
    )  # of the corners of the outermost pixels
    along_rows, along_columns, offset = hull.equations.T.astype(np.float32)[..., np.newaxis, np.newaxis]
    row_mm, column_mm = (np.arange(n, dtype=np.float32) * size for n, size in zip(lungs.shape, mm[:2], strict=True))
    return (along_rows * row_mm[:, np.newaxis] + along_columns * column_mm + offset).max(axis=0)


def _bowel(gas: Mask, labels: NDArray[np.uint8], mm: Sequence[float]) -> Mask:
    """Large regions of gas at the height of the diaphragm, and what is next to them."""
    first, last = np.flatnonzero(labels.any(axis=(0, 1)))[[0, -1]]
    end = first + round(ABDOMEN_FRACTION * (last - first))
    regions, _ = ndimage.label(gas[..., :end], IN_SLICE)
    is_large = np.bincount(regions.ravel(), minlength=1) * mm[0] * mm[1] > GAS_MM2
    is_large[0] = False
    bowel = np.zeros_like(gas)
    if is_large.any():
        pixels = max(1, round(GAS_MARGIN_MM / float(np.sqrt(mm[0] * mm[1]))))
        bowel[..., :end] = ndimage.binary_dilation(is_large[regions], IN_SLICE, iterations=pixels)
        bowel &= labels == 0
    return bowel
