"""CT slices with outlines of lesions and lungs as small pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageColor

from infnet_monai.label_scheme import BINARY, LabelScheme

__all__ = ["ViewerSlice", "render_slices"]

LUNG_COLOUR = "#409cff"


@dataclass(frozen=True, eq=False)
class ViewerSlice:
    """One slice of a slice viewer.

    Attributes:
        index: Index of the slice in the scan, 0 at the patient's feet.
        pixels: The picture, uint8 ``(height, width, 3)``, RGB.
        lesion_pixels: Number of lesion pixels on the scan's own grid; 0 where the slice has no lesion.
    """

    index: int
    pixels: NDArray[np.uint8]
    lesion_pixels: int


def render_slices(
    image: ArrayLike,
    lesions: ArrayLike,
    lungs: ArrayLike | None = None,
    spacing_mm: tuple[float, float] = (1.0, 1.0),
    max_slices: int = 48,
    size_px: int = 256,
    window: Callable[[NDArray], NDArray] | None = None,
    scheme: LabelScheme = BINARY,
) -> list[ViewerSlice]:
    """Draw the slices of a scan that show lung, lesions outlined in the colours of their classes and lungs in blue.

    Args:
        image: Windowed intensities in [0, 1], ``(H, W, D)``, oriented PLS so that slices stand upright.
        lesions: Lesion classes ``(H, W, D)``, 0 where there is none.
        lungs: Lung mask or labels ``(H, W, D)``; without lungs, all slices are drawn from.
        spacing_mm: Pixel size in mm along rows and columns of the array, for the right proportions.
        max_slices: Number of slices at most; of more, evenly spaced ones and the one with most lesion are drawn.
        size_px: Longer side of the pictures in pixels.
        window: Makes windowed intensities of a slice of ``image``, where they are not windowed yet.
        scheme: The classes; with a single one, all lesions are outlined alike.

    Returns:
        The slices, from the feet upwards.
    """
    image, labels = np.asarray(image), np.asarray(lesions)
    is_lesion = labels != 0
    is_lung = np.zeros_like(is_lesion) if lungs is None else np.asarray(lungs) != 0
    lesion_pixels = is_lesion.sum(axis=(0, 1))
    shape = _picture_shape(image.shape, spacing_mm, size_px)
    windowed = window or (lambda pixels: pixels)

    def outlines(k: int) -> list[tuple[NDArray[np.bool_], str]]:
        found = [(labels[..., k] == one.value, one.colour) for one in scheme]
        return [(is_lung[..., k], LUNG_COLOUR), *(found if len(found) > 1 else [(is_lesion[..., k], found[0][1])])]

    return [
        ViewerSlice(k, _draw(windowed(image[..., k]), outlines(k), shape), int(lesion_pixels[k]))
        for k in _choose_slices(lesion_pixels, is_lung.any(axis=(0, 1)), max_slices)
    ]


def _choose_slices(lesion_pixels: NDArray, has_lung: NDArray[np.bool_], max_slices: int) -> list[int]:
    wanted = np.flatnonzero(has_lung | (lesion_pixels > 0)) if has_lung.any() else np.arange(len(has_lung))
    candidates = np.arange(wanted[0], wanted[-1] + 1)
    if len(candidates) <= max_slices:
        return candidates.tolist()
    spread = np.linspace(candidates[0], candidates[-1], max_slices).round().astype(int)
    most_lesion = int(lesion_pixels.argmax())
    if lesion_pixels[most_lesion]:
        spread[np.abs(spread - most_lesion).argmin()] = most_lesion
    return spread.tolist()


def _picture_shape(shape: tuple[int, ...], spacing_mm: tuple[float, float], size_px: int) -> tuple[int, int]:
    """Return width and height in pixels."""
    height_mm, width_mm = shape[0] * spacing_mm[0], shape[1] * spacing_mm[1]
    scale = size_px / max(height_mm, width_mm)
    return max(1, round(width_mm * scale)), max(1, round(height_mm * scale))


def _draw(
    image: NDArray, outlines: Sequence[tuple[NDArray[np.bool_], str]], shape: tuple[int, int]
) -> NDArray[np.uint8]:
    grey = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8)).resize(shape, Image.Resampling.BILINEAR)
    pixels = np.array(grey.convert("RGB"))
    for mask, colour in outlines:
        pixels[_outline(mask, shape)] = ImageColor.getrgb(colour)
    return pixels


def _outline(mask: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    from scipy import ndimage  # only for drawing

    resized = np.asarray(Image.fromarray(mask.astype(np.uint8)).resize(shape, Image.Resampling.NEAREST)) > 0
    return resized & ~ndimage.binary_erosion(resized)
