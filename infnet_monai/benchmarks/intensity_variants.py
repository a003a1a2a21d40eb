"""What becomes of the intensities of a CT on its way to a file: right ones, lung windows and wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["VARIANTS", "Variant"]

Image = NDArray[np.float32]
Change = Callable[[Image, NDArray[np.uint8]], NDArray]

AIR, TISSUE = -1000.0, 40.0


@dataclass(frozen=True)
class Variant:
    """One way to write a CT.

    Attributes:
        group: ``"hu"``, ``"lung window"`` or ``"wrong"``.
        name: What was done to the image.
        change: Function of the image in HU ``(H, W, D)`` and its lungs (uint8, 1 right, 2 left) to the variant.
        names: Words of which a refusal should hold one, so that it names what is wrong.
    """

    group: str
    name: str
    change: Change
    names: tuple[str, ...] = ()


def _crop(fraction: float) -> Change:
    """The middle of the field of view."""

    def change(image: Image, lungs: NDArray) -> NDArray:
        margins = [round(size * (1 - fraction) / 2) for size in image.shape[:2]]
        return image[margins[0] : -margins[0], margins[1] : -margins[1]]

    return change


def _slices(where: float, count: int) -> Change:
    """Some slices of the lungs; ``where`` is 0 at their base and 1 at their apex."""

    def change(image: Image, lungs: NDArray) -> NDArray:
        shown = np.flatnonzero(lungs.any(axis=(0, 1))) if lungs.any() else np.arange(image.shape[2])
        first = int(shown[0] + where * max(0, len(shown) - count))
        return image[..., first : first + count]

    return change


def _circle(padding: float, value: Callable[[Image], Image] = lambda image: image) -> Change:
    """Padding outside the circle of reconstruction."""

    def change(image: Image, lungs: NDArray) -> NDArray:
        rows, columns = (np.linspace(-1, 1, size) for size in image.shape[:2])
        outside = rows[:, np.newaxis] ** 2 + columns**2 > 1
        return np.where(outside[..., np.newaxis], np.float32(padding), value(image))

    return change


def _of_values(function: Callable[[Image], NDArray]) -> Change:
    return lambda image, lungs: function(image)


def _stored(slope: float) -> Callable[[Image], NDArray]:
    """Stored values of 12 bits whose rescale is lost."""
    return lambda image: np.clip((image + 1024) / slope, 0, 4095)


def _filled(sides: tuple[int, ...], level: float) -> Change:
    """Lungs at the level of consolidation, or of the air in emphysema, with noise."""

    def change(image: Image, lungs: NDArray) -> NDArray:
        noise = np.random.default_rng(0).normal(0, 20, image.shape)
        return np.where(np.isin(lungs, sides) & (image < -600), np.float32(level) + noise, image)

    return change


def _noise(image: Image, lungs: NDArray) -> NDArray:
    return image + np.random.default_rng(0).normal(0, 100, image.shape)


def _contrast_agent(image: Image, lungs: NDArray) -> NDArray:
    """The brightest half of soft tissue enhanced by 250 HU."""
    return np.where((image > TISSUE) & (image < 150), image + 250, image)


def _arms_down(image: Image, lungs: NDArray) -> NDArray:
    """Arms beside the chest that touch the border of the image."""
    changed, width = image.copy(), max(2, image.shape[1] // 10)
    rows = slice(image.shape[0] // 3, 2 * image.shape[0] // 3)
    changed[rows, :width] = changed[rows, -width:] = TISSUE
    return changed


def _metal(image: Image, lungs: NDArray) -> NDArray:
    changed = image.copy()
    middle = [size // 2 for size in image.shape]
    changed[middle[0] : middle[0] + 3, middle[1] : middle[1] + 3, middle[2]] = 30000
    return changed


def _window(low: float, high: float, white: float) -> Callable[[Image], NDArray]:
    """A window as grey levels, which are whole numbers, or from 0 to 1."""

    def change(image: Image) -> NDArray:
        scaled = np.clip((image - low) / (high - low), 0, 1) * white
        return np.rint(scaled).astype(np.float32) if white > 1 else scaled.astype(np.float32)

    return change


def _windows(group: str, kind: str, borders: tuple[tuple[float, float], ...], names: tuple[str, ...]) -> list[Variant]:
    return [
        Variant(group, f"{kind} {low:g} to {high:g} HU as 0 to {white}", _of_values(_window(low, high, white)), names)
        for low, high in borders
        for white in (255, 1)
    ]


def _overshoot(low: float, high: float) -> Change:
    def change(image: Image, lungs: NDArray) -> NDArray:
        return low + (high - low) * _window(-1350, 150, 1)(image)

    return change


def _min_max(image: Image) -> Image:
    return (image - image.min()) / (image.max() - image.min())


HU = [
    Variant("hu", "as it is", _of_values(lambda image: image)),
    Variant("hu", "60 % of the field of view", _crop(0.6)),
    Variant("hu", "one slice", _slices(0.5, 1)),
    Variant("hu", "three slices at the apex", _slices(1, 3)),
    Variant("hu", "three slices at the base", _slices(0, 3)),
    *(Variant("hu", f"padding {value}", _circle(value)) for value in (-1024, -2000, -3024, -32768)),
    Variant("hu", "clipped to -1000 to 400", _of_values(lambda image: image.clip(-1000, 400))),
    Variant("hu", "metal of 30000", _metal),
    Variant("hu", "noise of 100 HU", _noise),
    Variant("hu", "contrast agent", _contrast_agent),
    Variant("hu", "arms down", _arms_down),
    Variant("hu", "emphysema", _filled((1, 2), -960)),
    Variant("hu", "one white lung", _filled((1,), TISSUE)),
    Variant("hu", "both lungs white", _filled((1, 2), TISSUE)),
]
LUNG_WINDOWS = [
    *_windows("lung window", "window", ((-1350, 150), (-1200, 200), (-1000, 400), (-1400, 200)), ()),
    Variant("lung window", "window 0 to 1 with overshoot to 1.01", _overshoot(0, 1.01)),
    Variant("lung window", "window 0 to 1 from -0.01 to 1.01", _overshoot(-0.01, 1.01)),
    Variant(
        "lung window", "window 0 to 255 from -3 to 258", lambda i, lungs: 255 * _overshoot(-0.012, 1.012)(i, lungs)
    ),
]
SHIFTED = ("shifted",)
WRONG = [
    Variant("wrong", "HU + 1024", _of_values(lambda image: image + 1024), SHIFTED),
    *(
        Variant("wrong", f"HU + 1024, padding {value}", _circle(value, lambda image: image + 1024), SHIFTED)
        for value in (0, -1024, -2000)
    ),
    Variant(
        "wrong",
        "HU + 1024, 60 % of the field of view, padding -2000",
        lambda i, m: _circle(-2000)(_crop(0.6)(i + 1024, m), m),
        SHIFTED,
    ),
    Variant("wrong", "HU - 1024", _of_values(lambda image: image - 1024), SHIFTED),
    Variant("wrong", "stored 0 to 4095, slope 1", _of_values(_stored(1)), SHIFTED),
    Variant("wrong", "stored 0 to 4095, slope 0.5", _of_values(_stored(0.5)), ("scaled",)),
    Variant("wrong", "stored 0 to 4095, slope 2", _of_values(_stored(2)), ("scaled",)),
    Variant("wrong", "HU x 10", _of_values(lambda image: image * 10), ("scaled",)),
    Variant("wrong", "16-bit 0 to 65535", _of_values(lambda image: _min_max(image) * 65535), ("scaled",)),
    Variant("wrong", "inverted HU", _of_values(lambda image: -image), ("inverted",)),
    Variant("wrong", "inverted 0 to 255", _of_values(lambda i: 255 - _window(-1350, 150, 255)(i)), ("inverted",)),
    Variant("wrong", "inverted 0 to 1", _of_values(lambda i: 1 - _window(-1350, 150, 1)(i)), ("inverted",)),
    *_windows("wrong", "soft tissue", ((-160, 240), (-125, 225), (-135, 215)), ("soft tissue or bone",)),
    *_windows("wrong", "bone", ((-500, 1300),), ("soft tissue or bone",)),
    *_windows("wrong", "wide", ((-1000, 1000), (-1024, 3071)), ("soft tissue or bone",)),
    Variant("wrong", "-1 to 1", _of_values(lambda i: 2 * _window(-1000, 400, 1)(i) - 1), ("normalised",)),
    Variant("wrong", "z-scores", _of_values(lambda i: (i - i.mean()) / i.std()), ("normalised",)),
    Variant(
        "wrong",
        "z-scores, clipped to 0 to 3",
        _of_values(lambda i: ((i - i.mean()) / i.std()).clip(0, 3)),
        ("normalised",),
    ),
    Variant("wrong", "HU / 1000", _of_values(lambda image: image / 1000), ("normalised",)),
]
VARIANTS = (*HU, *LUNG_WINDOWS, *WRONG)
