"""Levels of air and tissue in an image whose scale is unknown, and what an image looks like that is not in HU."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["ImageLevels", "Likeness", "describe_scale", "measure_levels"]

SAMPLES = (96, 96, 32)  # at least half as many voxels along each axis are looked at, where there are as many
PADDING_BELOW = -1200.0  # what scanners write outside the circle of reconstruction, where it is no single value
PADDING_SPREAD = 10.0
PADDING_MIN_FRACTION = 0.005
PICTURE = (-10.0, 265.0)  # grey levels, with some overshoot
PADDING_GAP = 0.15  # of the range of the other voxels
ENCLOSED_FRACTION = 0.03  # lungs fill more of a scan; vessels in a lung that is cut by the border fill less
AIR_TO_TISSUE = 1000.0  # in HU
SPOT_VOXELS = 25
SPOTS_PER_SLICE = 2.0
NORMALISED_BELOW = 16.0
IN_SLICE = np.zeros((3, 3, 3), dtype=bool)  # the four neighbours in a slice, none across slices
IN_SLICE[:, 1, 1] = IN_SLICE[1, :, 1] = True
ACROSS = IN_SLICE[:, :, 1:2]

Mask = NDArray[np.bool_]


class Likeness(NamedTuple):
    """What an image looks like that is not what it was taken for.

    Attributes:
        what: The kind of image, after "looks like".
        remedy: What to do about it, a whole sentence without its full stop.
    """

    what: str
    remedy: str


@dataclass(frozen=True)
class ImageLevels:
    """Levels of an image, from a sample of its voxels.

    Attributes:
        low: Lowest value of all voxels.
        high: Highest value of all voxels.
        dark: Median of the voxels below Otsu's threshold, without padding: air and lung in a CT.
        bright: Median of the others: soft tissue in a CT.
        threshold: Otsu's threshold.
        sample: Voxels that were looked at, ``(H, W, D)``.
        padding: Those of them that hold no image, ``(H, W, D)``.
    """

    low: float
    high: float
    dark: float
    bright: float
    threshold: float
    sample: NDArray = field(repr=False)
    padding: Mask = field(repr=False)

    @property
    def contrast(self) -> float:
        """Difference of the bright and the dark level."""
        return self.bright - self.dark

    @cached_property
    def is_inverted(self) -> bool:
        """Whether bright surrounds dark that encloses bright, as air, body and lungs of an inverted chest do.

        In a chest cut by the border of the image, tissue surrounds the lungs, and nothing large is in these.
        """
        bright = ndimage.uniform_filter(self._image, (3, 3, 1)) >= self.threshold
        border = np.ones(bright.shape, dtype=bool)
        border[1:-1, 1:-1] = False
        border |= ndimage.binary_dilation(self.padding, ACROSS, iterations=3)
        at_image = border & ~ndimage.binary_dilation(self.padding, ACROSS, iterations=2)
        bright_border = at_image.any() and bright[at_image].mean() > 0.5
        return bool(bright_border and _enclosed(bright, border) > ENCLOSED_FRACTION)

    @cached_property
    def has_dark_vessels(self) -> bool:
        """Whether there are many small dark spots in bright regions, and fewer bright ones in the dark.

        So are the vessels of inverted lungs, also where the border of the image cuts these; bowel gas looks alike.
        """
        dark_spots = _count_spots((self._image < self.threshold) & ~self.padding)
        bright_spots = _count_spots((self._image >= self.threshold) & ~self.padding)
        return dark_spots > SPOTS_PER_SLICE * self.sample.shape[2] and dark_spots > 2 * bright_spots

    @cached_property
    def _image(self) -> NDArray[np.float32]:
        return np.where(self.padding, self.dark, self.sample).astype(np.float32)


def measure_levels(volume: NDArray) -> ImageLevels:
    """Measure the levels of an image, whatever its scale.

    Padding is left out, except in pictures: one lowest value far below the others, or nearly equal ones below -1200.

    Args:
        volume: Intensities without NaN, ``(H, W, D)``, whose slices are along the third axis.

    Returns:
        The levels.

    Example:
        >>> chest = np.array([-3024, -3024, -1000, -990, -850, 30, 40, 50]).reshape(4, 2, 1)
        >>> levels = measure_levels(chest)
        >>> levels.low, levels.dark, levels.bright
        (-3024.0, -990.0, 40.0)
    """
    sample = sample_voxels(volume)
    low, high = float(volume.min()), float(volume.max())
    padding = _padding(sample)
    values = sample[~padding]
    threshold = _otsu_threshold(values)
    is_dark = values < threshold
    return ImageLevels(
        low=low,
        high=high,
        dark=float(np.median(values[is_dark] if is_dark.any() else values)),
        bright=float(np.median(values[~is_dark])),
        threshold=threshold,
        sample=sample,
        padding=padding,
    )


def sample_voxels(volume: NDArray) -> NDArray:
    """Return every n-th voxel along each axis, the same ones for all arrays of a shape.

    Args:
        volume: ``(H, W, D)``.
    """
    steps = (max(1, size // most) for size, most in zip(volume.shape, SAMPLES, strict=True))
    return np.ascontiguousarray(volume[tuple(slice(None, None, step) for step in steps)])


def describe_scale(levels: ImageLevels) -> Likeness:
    """Describe what an image looks like that is neither HU nor a picture in a lung window.

    Args:
        levels: Its levels.

    Returns:
        What it looks like, and the remedy.
    """
    if max(-levels.low, levels.high) < NORMALISED_BELOW:
        return Likeness("normalised values (such as z-scores or -1 to 1)", "Give the image as it was before, in HU")
    is_like_hu = 0.6 * AIR_TO_TISSUE < levels.contrast < 1.4 * AIR_TO_TISSUE
    if levels.is_inverted or (is_like_hu and -200 < levels.dark < 0):  # fat and soft tissue; shifted air is above 0
        return Likeness("an inverted image, its air brighter than its tissue", "Invert it, and give it in HU")
    if is_like_hu:
        shift = _rounded_shift(levels.bright)
        remedy = f"{'Subtract' if shift > 0 else 'Add'} {abs(shift)}"
        return Likeness(f"HU shifted by about {shift:+d}", remedy)
    scale = levels.contrast / AIR_TO_TISSUE
    return Likeness(
        f"values scaled by about {scale:.2g} (from air to tissue in HU: about {AIR_TO_TISSUE:g}, here "
        f"{levels.contrast:.4g})",
        "Rescale them to HU (DICOM: RescaleSlope and RescaleIntercept)",
    )


def _rounded_shift(tissue: float) -> int:
    """Shift that brings tissue to 0 HU; scanners shift by 1024."""
    shift = round(tissue, -1)
    return int(np.copysign(1024, shift)) if 850 < abs(shift) < 1250 else int(shift)


def _padding(sample: NDArray) -> Mask:
    lowest = sample <= sample.min()
    padding = np.zeros(sample.shape, dtype=bool)
    if sample.min() > PICTURE[0] and sample.max() < PICTURE[1]:
        return padding  # where a picture is black is what shows its window
    if PADDING_MIN_FRACTION < lowest.mean() < 1:
        first, last = np.percentile(sample[~lowest], [0.5, 95])
        if first - sample.min() > PADDING_GAP * (last - sample.min()):
            padding |= lowest
    far_below = sample < PADDING_BELOW
    if PADDING_MIN_FRACTION < far_below.mean() < 1:
        lower, upper = np.percentile(sample[far_below], [25, 75])
        if upper - lower < PADDING_SPREAD:
            padding |= far_below
    return padding


def _otsu_threshold(values: NDArray) -> float:
    """Otsu's threshold; one value in a thousand at both ends, such as metal, does not stretch the histogram."""
    low, high = np.percentile(values, [0.1, 99.9])
    counts, edges = np.histogram(values.clip(low, high), bins=256)
    centres = (edges[:-1] + edges[1:]) / 2
    dark = np.cumsum(counts)[:-1].astype(float)
    bright = values.size - dark
    dark_sum = np.cumsum(counts * centres)[:-1]
    means = dark_sum / np.maximum(dark, 1), ((counts * centres).sum() - dark_sum) / np.maximum(bright, 1)
    variance = dark * bright * (means[1] - means[0]) ** 2
    return float(edges[1:-1][variance == variance.max()].mean())  # in the middle of values that do not occur


def _enclosed(mask: Mask, border: Mask) -> float:
    """Fraction of the image that is in regions of a mask, slice by slice, which do not touch the border."""
    labels, count = ndimage.label(mask, IN_SLICE)
    is_enclosed = np.ones(count + 1, dtype=bool)
    is_enclosed[labels[border]] = False
    is_enclosed[0] = False
    return float(is_enclosed[labels].mean())


def _count_spots(mask: Mask) -> int:
    """Number of small regions of a mask, slice by slice."""
    labels, _ = ndimage.label(mask, IN_SLICE)
    return int((np.bincount(labels.ravel())[1:] <= SPOT_VOXELS).sum())
