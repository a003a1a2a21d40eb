"""Lung window: intensities of a CT to [0, 1], with a checked rule for images that are not in HU."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from numpy.typing import NDArray
from torch import Tensor

from infnet_monai.errors import InputError
from infnet_monai.scans.source import INTENSITY_KINDS
from infnet_monai.transforms.levels import NORMALISED_BELOW, describe_scale, measure_levels

__all__ = ["LungWindowd", "intensity_kind", "lung_window"]

logger = logging.getLogger(__name__)

WINDOW_HU = (-1350.0, 150.0)
AIR_BELOW_HU = -100.0
WHITE = {"grey": 255.0, "unit": 1.0}
OVERSHOOT = 0.02  # of the range of a picture, from resampling


def check_intensity(intensity: str) -> str:
    """Refuse what is no kind of intensities.

    Args:
        intensity: Value of an option ``intensity``.

    Returns:
        The same value.

    Raises:
        InputError: It is none of ``"auto"``, ``"hu"``, ``"grey"`` and ``"unit"``.
    """
    if intensity not in ("auto", *INTENSITY_KINDS):
        raise InputError(f"intensity must be 'auto', 'hu', 'grey' or 'unit', got {intensity!r}")
    return intensity


def intensity_kind(image: Tensor) -> str:
    """Detect what the intensities of an image are.

    Args:
        image: Intensities of a whole scan, any shape.

    Returns:
        ``"hu"`` where values lie below -100 (every chest CT holds air), ``"grey"`` for values in [0, 255] (a picture
        that somebody has windowed), ``"unit"`` for values in [0, 1]. Values of a picture may overshoot its range by
        2 %, as they do after resampling.

    Raises:
        InputError: None of these, e.g. HU shifted by 1024, or normalised values; the message says what they look like.
    """
    voxels = image.cpu().numpy()  # as torch takes a hundred times as long where slices are the first axis in memory
    low, high = float(voxels.min()), float(voxels.max())
    if low < AIR_BELOW_HU:
        return "hu"
    if _fits(low, high, WHITE["unit"]):
        return "unit"
    if _fits(low, high, WHITE["grey"]) and high >= NORMALISED_BELOW:
        return "grey"
    likeness = describe_scale(measure_levels(_as_slices(voxels)))
    raise InputError(
        f"intensities from {low:g} to {high:g} are neither HU (a chest has air below {AIR_BELOW_HU:g}) nor grey levels "
        f"(0 to 255) nor values from 0 to 1; they look like {likeness.what}. {likeness.remedy}, or say what the image "
        "is: --intensity hu, grey or unit."
    )


def _fits(low: float, high: float, white: float) -> bool:
    return low >= -OVERSHOOT * white and high <= (1 + OVERSHOOT) * white


def _as_slices(voxels: NDArray) -> NDArray:
    """The volume ``(H, W, D)`` of a scan ``(1, H, W, D)``; voxels of any other shape as one column."""
    return voxels[0] if voxels.ndim == 4 else voxels.reshape(-1, 1, 1)


def scan_intensity_kind(image: MetaTensor, intensity: str = "auto") -> str:
    """Return the kind of a scan's intensities: the one named, or for ``"auto"`` the one that is detected.

    Args:
        image: Intensities of a whole scan, any shape; its metadata names the file.
        intensity: ``"hu"``, ``"grey"``, ``"unit"`` or ``"auto"``, see :func:`intensity_kind`.

    Returns:
        ``"hu"``, ``"grey"`` or ``"unit"``.

    Raises:
        InputError: ``"auto"`` detects none of them (the message names the file), or ``intensity`` is no legal value.
    """
    check_intensity(intensity)
    try:
        return intensity_kind(image) if intensity == "auto" else intensity
    except InputError as error:
        raise InputError(f"{image.meta.get('filename_or_obj', 'image')}: {error}") from error


def lung_window(
    image: Tensor,
    intensity: str = "auto",
    window_hu: tuple[float, float] = WINDOW_HU,
    kept_hu: tuple[float, float] | None = None,
) -> Tensor:
    """Map intensities so that the window becomes [0, 1].

    HU are clipped to the window; grey levels are taken as a lung window already and divided by 255, and what
    overshoots their range is clipped.

    Args:
        image: Intensities of a whole scan, any shape.
        intensity: ``"hu"``, ``"grey"``, ``"unit"`` or ``"auto"``, see :func:`intensity_kind`.
        window_hu: Lower and upper border of the window in HU (level -600, width 1500 by default).
        kept_hu: HU are clipped to this wider range instead, so that values may lie outside [0, 1].

    Returns:
        Float tensor of the same shape, in [0, 1] without ``kept_hu``.

    Raises:
        InputError: ``"auto"`` detects none of the kinds, or ``intensity`` is no legal value.

    Example:
        >>> import torch
        >>> lung_window(torch.tensor([-2000.0, -600.0, 400.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    kind = intensity_kind(image) if check_intensity(intensity) == "auto" else intensity
    low, high = window_hu if kind == "hu" else (0.0, WHITE[kind])
    darkest, brightest = kept_hu if kept_hu is not None and kind == "hu" else (low, high)
    windowed = (image - low).div_(high - low)  # a large volume: in place from here on
    return windowed.clamp_((darkest - low) / (high - low), (brightest - low) / (high - low))


class LungWindowd(MapTransform):
    """Dictionary version of :func:`lung_window`; notes the kind of intensities in ``meta["intensity"]``.

    A kind that is noted there already, of a scan that has been cropped since, is taken as it is. The first image of
    each kind is announced in the log, so that training on grey levels is noticed.

    Args:
        keys: Keys of the images.
        intensity: Kind of the intensities, see :func:`lung_window`.
        window_hu: Lower and upper border of the window in HU.
        allow_missing_keys: Whether items may lack a key.
        kept_hu: Range of HU to keep, see :func:`lung_window`.

    Raises:
        InputError: ``intensity`` is no legal value.
    """

    def __init__(
        self,
        keys: KeysCollection,
        intensity: str = "auto",
        window_hu: tuple[float, float] = WINDOW_HU,
        allow_missing_keys: bool = False,
        kept_hu: tuple[float, float] | None = None,
    ):
        super().__init__(keys, allow_missing_keys)
        self.intensity = check_intensity(intensity)
        self.window_hu = (float(window_hu[0]), float(window_hu[1]))
        self.kept_hu = None if kept_hu is None else (float(kept_hu[0]), float(kept_hu[1]))
        self._announced: set[str] = set()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace each image ``(1, X, Y, Z)`` by its windowed version."""
        item = dict(data)
        for key in self.key_iterator(item):
            image = item[key]
            noted = image.meta.get("intensity") if self.intensity == "auto" else None
            kind = noted or scan_intensity_kind(image, self.intensity)
            self._announce(kind, image.meta.get("filename_or_obj", "image"))
            item[key] = lung_window(image, kind, self.window_hu, self.kept_hu)
            item[key].meta["intensity"] = kind
        return item

    def _announce(self, kind: str, source: str) -> None:
        if kind in self._announced:
            return
        self._announced.add(kind)
        rule = {
            "hu": f"HU, lung window {self.window_hu[0]:g} to {self.window_hu[1]:g} HU",
            "grey": "not HU but grey levels 0 to 255, taken as a lung window",
            "unit": "not HU but values 0 to 1, taken as a lung window",
        }[kind]
        logger.info("Intensities: %s (first seen in %s).", rule, source)
