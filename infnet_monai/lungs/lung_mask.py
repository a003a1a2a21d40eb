"""Lung mask of a chest CT from the image alone, by thresholds and connected components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from infnet_monai.lungs.chest_cavity import find_chest_cavity
from infnet_monai.lungs.sides import LEFT, RIGHT, label_sides

__all__ = ["LungMask", "find_lungs"]

WORKING_VOXEL_MM = 1.5  # lungs are found on voxels of about this size, whatever the scan's; thicker slices stay
AIR_HU, TISSUE_HU = -1000.0, 0.0
OUTSIDE_AIR_BELOW_HU = -960.0  # lung cut by the border of the image is brighter than the air around the patient
PADDING_BELOW_HU = -1200.0  # scanners write -2000 or -3024 outside the circle of reconstruction
AERATED_FRACTION = 0.7  # of the way from air to tissue: ground glass is below, vessels and consolidation above
BODY_PART_MM2 = 1000.0  # smaller pieces of tissue in a slice are the table, cables, a blanket
TUBE_MM2 = 2000.0  # in a slice, the airways and most bowel loops are smaller than this
LUNG_FRACTION = 0.05  # of the body in a slice, the lungs cover more than this somewhere
SECOND_LUNG_FRACTION = 0.02  # smallest second lung, of the first one's volume
SKIN_MM, CLOSING_MM = 3.0, 8.0
HOLE_MM2 = 800.0

IN_SLICE = np.zeros((3, 3, 3), dtype=bool)  # the four neighbours in a slice, none across slices
IN_SLICE[:, 1, 1] = IN_SLICE[1, :, 1] = True

Mask = NDArray[np.bool_]
Image = NDArray[np.float32]


@dataclass(frozen=True)
class LungMask:
    """The lungs of one scan.

    Attributes:
        labels: ``(H, W, D)`` uint8 on the grid of the volume: 0 elsewhere, 1 right lung, 2 left lung.
        chest: The chest cavity around them, ``(H, W, D)`` uint8, see
            :func:`infnet_monai.lungs.chest_cavity.find_chest_cavity`.
    """

    labels: NDArray[np.uint8]
    chest: NDArray[np.uint8]

    @property
    def mask(self) -> Mask:
        """Both lungs, ``(H, W, D)`` bool."""
        return self.labels > 0

    @property
    def found(self) -> bool:
        """Whether the scan shows lungs at all."""
        return bool(self.labels.any())


def find_lungs(volume: NDArray, spacing_mm: tuple[float, float, float], intensity: str = "hu") -> LungMask:
    """Find the lungs in a chest CT.

    Of the aerated voxels, the air around the patient, the airways and bowel gas are taken away; the two largest
    components left are closed and filled slice by slice, so that vessels and small consolidations count as lung.
    Lungs cut by the border of the image are kept. Consolidation and effusion that fill the pleural side of a lung
    look like the chest wall and are left out for the most part.

    Args:
        volume: Intensities without NaN, ``(H, W, D)``, oriented PLS: axis 0 towards posterior, axis 1 towards the
            patient's left, axis 2 superior. D may be 1.
        spacing_mm: Voxel size along the three axes in mm.
        intensity: ``"hu"`` for Hounsfield units; anything else means a windowed image, whose levels of air and tissue
            are taken from its histogram, and where no lung may fill the width of the image along its border.

    Returns:
        The lungs on the grid of ``volume``; empty where there are none.
    """
    factors = _reduction(volume.shape, spacing_mm)
    voxel_mm = [factor * mm for factor, mm in zip(factors, spacing_mm, strict=True)]
    labels, chest = _find_on_working_grid(_reduce(volume, factors), voxel_mm, intensity == "hu")
    return LungMask(*(_enlarge(found, factors, volume.shape) for found in (labels, chest)))


def _reduction(shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> list[int]:
    return [min(size, max(1, round(WORKING_VOXEL_MM / mm))) for size, mm in zip(shape, spacing_mm, strict=True)]


def _reduce(volume: NDArray, factors: Sequence[int]) -> Image:
    """Mean over blocks of voxels; what fills no block at the end of an axis is left out."""
    blocks = [size // factor for size, factor in zip(volume.shape, factors, strict=True)]
    image = np.zeros(blocks, dtype=np.float32)
    for start in np.ndindex(*factors):
        image += volume[tuple(slice(i, n * f, f) for i, n, f in zip(start, blocks, factors, strict=True))]
    image /= np.prod(factors)
    return image


def _enlarge(labels: NDArray[np.uint8], factors: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Repeat the labels of blocks; what fills no block has the labels of the last one."""
    for axis, (factor, size) in enumerate(zip(factors, shape, strict=True)):
        labels = labels.take(np.minimum(np.arange(size) // factor, labels.shape[axis] - 1), axis)
    return labels


def _find_on_working_grid(
    image: Image, voxel_mm: Sequence[float], is_hu: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Labels of the lungs and of the chest cavity."""
    pixel_mm = float(np.sqrt(voxel_mm[0] * voxel_mm[1]))
    nothing = np.zeros(image.shape, dtype=np.uint8)
    padding = _dilate(image < PADDING_BELOW_HU, 2) if is_hu else np.zeros(image.shape, dtype=bool)
    air, tissue = (AIR_HU, TISSUE_HU) if is_hu else _otsu_levels(image)
    aerated = (image < air + AERATED_FRACTION * (tissue - air)) & ~padding
    body = _body(~aerated & ~padding, pixel_mm)
    outside = _outside(body, padding, image if is_hu else None)
    lungs = aerated & ~outside
    if not lungs.any():
        return nothing, nothing
    if not is_hu:
        air = float(np.median(image[aerated & outside])) if outside.any() else -np.inf
    halfway = (air + float(np.median(image[lungs]))) / 2
    dark = image < (max(halfway, OUTSIDE_AIR_BELOW_HU) if is_hu else halfway)  # pure air rather than lung
    lungs = _two_largest(_open(_without_tubes(lungs, dark, pixel_mm), 1), dark)
    if not _are_lungs(lungs, outside, dark):
        return nothing, nothing
    labels = _close_each(label_sides(lungs), pixel_mm)
    return labels, find_chest_cavity(labels, ~outside, dark & ~outside & (labels == 0), voxel_mm)


def _otsu_levels(image: Image) -> tuple[float, float]:
    """Mean of the dark and of the bright voxels, parted by Otsu's threshold."""
    counts, edges = np.histogram(image, bins=256)
    centres = (edges[:-1] + edges[1:]) / 2
    dark = np.cumsum(counts)[:-1].astype(float)
    bright = image.size - dark
    dark_sum = np.cumsum(counts * centres)[:-1]
    dark_mean = dark_sum / np.maximum(dark, 1)
    bright_mean = ((counts * centres).sum() - dark_sum) / np.maximum(bright, 1)
    best = np.argmax(dark * bright * (bright_mean - dark_mean) ** 2)
    return float(dark_mean[best]), float(bright_mean[best])


def _dilate(mask: Mask, pixels: int) -> Mask:
    return ndimage.binary_dilation(mask, IN_SLICE, iterations=pixels)


def _open(mask: Mask, pixels: int) -> Mask:
    """Opening within the slices that takes nothing away at the border of the image."""
    return _dilate(ndimage.binary_erosion(mask, IN_SLICE, iterations=pixels, border_value=1), pixels)


def _body(tissue: Mask, pixel_mm: float) -> Mask:
    """Tissue without thin or small things such as the table."""
    labels, _ = ndimage.label(_open(tissue, max(1, round(SKIN_MM / pixel_mm))), IN_SLICE)
    is_body = np.bincount(labels.ravel()) * pixel_mm**2 >= BODY_PART_MM2
    is_body[0] = False
    return is_body[labels]


def _outside(body: Mask, padding: Mask, image_hu: Image | None) -> Mask:
    """What surrounds the patient: with HU the dark regions at the border of the image, else those around it.

    Regions are separated slice by slice, because the mouth may connect the lungs with the surroundings, and
    judged together with those they touch in the next slices, because a thin one alone is too noisy. In a windowed
    image air may be as bright as lung; there it counts that the surroundings reach from left to right, in front of
    the patient or behind, and a lung does not.
    """
    labels, count = ndimage.label(~body & ~padding, IN_SLICE)
    at_border = np.zeros(count + 1, dtype=bool)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1], labels[_dilate(padding, 1)]):
        at_border[side] = True
    at_border[0] = False
    regions, count = ndimage.label(at_border[labels])
    if image_hu is None:
        is_outside = np.zeros(count + 1, dtype=bool)
        for row in (0, -1):
            is_outside[np.intersect1d(regions[row, 0], regions[row, -1])] = True
    else:
        dark = np.bincount(regions[image_hu < OUTSIDE_AIR_BELOW_HU], minlength=count + 1)
        is_outside = dark > 0.5 * np.bincount(regions.ravel(), minlength=count + 1)
    is_outside[0] = False
    return is_outside[regions] | padding


def _without_tubes(lungs: Mask, dark: Mask, pixel_mm: float) -> Mask:
    """Take away airways and bowel gas: small and as dark as pure air in their slice."""
    labels, count = ndimage.label(lungs, IN_SLICE)
    area = np.bincount(labels.ravel(), minlength=count + 1)
    dark_area = np.bincount(labels[dark & lungs], minlength=count + 1)
    is_tube = (dark_area > 0.5 * area) & (area * pixel_mm**2 < TUBE_MM2)
    return lungs & ~is_tube[labels]


def _two_largest(lungs: Mask, dark: Mask) -> Mask:
    """The largest component, and the next one unless it is tiny or gas."""
    labels, count = ndimage.label(lungs)
    size = np.bincount(labels.ravel(), minlength=count + 1)
    size[0] = 0
    largest = size.argmax()
    is_gas = np.bincount(labels[dark & lungs], minlength=count + 1) > 0.5 * size
    size[is_gas & (np.arange(count + 1) != largest)] = 0
    kept = np.argsort(size)[-2:]
    is_kept = np.zeros(count + 1, dtype=bool)
    is_kept[kept[size[kept] > SECOND_LUNG_FRACTION * size[largest]]] = True
    return is_kept[labels]


def _are_lungs(lungs: Mask, outside: Mask, dark: Mask) -> bool:
    """Whether something was found that is large enough and not a loop of bowel full of gas."""
    body_area = np.maximum((~outside).sum(axis=(0, 1)), 1)
    is_large = (lungs.sum(axis=(0, 1)) / body_area).max() > LUNG_FRACTION
    return bool(is_large and (dark & lungs).sum() < 0.5 * lungs.sum())


def _close_each(labels: NDArray[np.uint8], pixel_mm: float) -> NDArray[np.uint8]:
    """Close each lung by itself, so that the thin wall between the two stays."""
    closed = labels.copy()
    for side in (RIGHT, LEFT):
        closed[_close(labels == side, pixel_mm) & (closed == 0)] = side
    return closed


def _close(lung: Mask, pixel_mm: float) -> Mask:
    """Close clefts at the outline and fill holes, slice by slice; a hole as large as the liver's dome stays."""
    pixels = max(1, round(CLOSING_MM / pixel_mm))
    padded = np.pad(lung, ((pixels, pixels), (pixels, pixels), (0, 0)))
    closed = ndimage.binary_closing(padded, IN_SLICE, iterations=pixels)[pixels:-pixels, pixels:-pixels]
    holes, _ = ndimage.label(~closed, IN_SLICE)
    is_small = np.bincount(holes.ravel()) * pixel_mm**2 < HOLE_MM2
    is_small[0] = False
    return closed | is_small[holes]
