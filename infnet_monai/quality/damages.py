"""Damages of a scan in graded steps, to learn and to test what the estimate of quality notices."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from infnet_monai.errors import InputError

__all__ = ["DAMAGES", "LEVELS", "damaged"]

LEVELS = (1, 2, 3)
Volume = NDArray[np.float32]


def damaged(volume: ArrayLike, name: str, level: int, seed: int = 0) -> Volume:
    """Damage a scan; intensities stay between the lowest and the highest one of the scan.

    Args:
        volume: Intensities ``(X, Y, Z)``, slices along the third axis.
        name: One of :data:`DAMAGES`.
        level: 1 (slight) to 3 (severe).
        seed: Seed of what is random.

    Returns:
        Intensities of the same shape, float32.

    Raises:
        InputError: There is no such damage or level.
    """
    if name not in DAMAGES or level not in LEVELS:
        raise InputError(f"damage {name!r}, level {level!r}: expected one of {', '.join(DAMAGES)} and 1, 2 or 3")
    intact = np.asarray(volume, dtype=np.float32)
    low, high = float(intact.min()), float(np.percentile(intact[::4, ::4], 99.5))
    unit = (intact - low) / max(high - low, 1e-6)  # 0 is air, 1 is bone or the upper end of a window
    rng = np.random.default_rng([seed, level, crc32(name.encode())])
    changed = DAMAGES[name](unit, level, rng)
    return (np.clip(changed, 0, max(1.0, float(unit.max()))) * (high - low) + low).astype(np.float32)


def _noise(unit: Volume, level: int, rng: np.random.Generator) -> Volume:
    """Noise of a low dose, evenly distributed over the slice."""
    return unit + rng.normal(0, (0.06, 0.15, 0.3)[level - 1], unit.shape).astype(np.float32)


def _motion(unit: Volume, level: int, rng: np.random.Generator) -> Volume:
    """Breathing: copies shifted along the second axis over each other, the last one as a ghost."""
    step = max(1, round(unit.shape[1] * (0.01, 0.02, 0.04)[level - 1]))
    return 0.5 * unit + 0.3 * np.roll(unit, step, axis=1) + 0.2 * np.roll(unit, -3 * step, axis=1)


def _resolution(unit: Volume, level: int, rng: np.random.Generator) -> Volume:
    """Smooth kernel and coarse matrix: details below a fraction of the slice are gone."""
    sigma = max(unit.shape[:2]) * (0.004, 0.01, 0.025)[level - 1]
    return ndimage.gaussian_filter(unit, (sigma, sigma, 0))


def _shift(unit: Volume, level: int, rng: np.random.Generator) -> Volume:
    """Contrast agent or wrong calibration: everything is brighter."""
    return unit + (0.08, 0.18, 0.35)[level - 1]


def _window(unit: Volume, level: int, rng: np.random.Generator) -> Volume:
    """Another window: what was between two grey levels fills the range, all else is black or white."""
    low, high = ((0.1, 0.8), (0.25, 0.7), (0.5, 0.9))[level - 1]
    return (np.clip(unit, low, high) - low) / (high - low)


def _metal(unit: Volume, level: int, rng: np.random.Generator) -> Volume:
    """Streaks around a piece of metal at a random place in the middle of the slice."""
    height, width = unit.shape[:2]
    row, column = rng.uniform(0.35, 0.65) * height, rng.uniform(0.35, 0.65) * width
    rows, columns = np.ogrid[:height, :width]
    distance = np.hypot(rows - row, columns - column) / max(height, width)
    streaks = np.cos(24 * np.arctan2(rows - row, columns - column)) * np.exp(-3 * distance)
    with_streaks = unit + (0.15, 0.4, 0.8)[level - 1] * streaks[..., None].astype(np.float32)
    with_streaks[distance < 0.02] = 1
    return with_streaks


def _missing_slices(unit: Volume, level: int, rng: np.random.Generator) -> Volume:
    """Slices in a row are black, as after an incomplete transfer; never the only one."""
    slices = unit.shape[2]
    count = min(slices - 1, round(slices * (0.2, 0.45, 0.7)[level - 1]))
    first = int(rng.integers(0, slices - count + 1))
    kept = unit.copy()
    kept[..., first : first + count] = 0
    return kept


def _other_organs(unit: Volume, level: int, rng: np.random.Generator) -> Volume:
    """No aerated lung, as in the abdomen: what is dark becomes soft tissue, more of it with each level."""
    tissue = 0.65 + 0.03 * ndimage.gaussian_filter(rng.normal(0, 3, unit.shape), (3, 3, 0)).astype(np.float32)
    weight = (0.3, 0.6, 1.0)[level - 1]
    return np.where(unit < tissue, (1 - weight) * unit + weight * tissue, unit).astype(np.float32)


DAMAGES: dict[str, Callable[[Volume, int, np.random.Generator], Volume]] = {
    "noise": _noise,
    "motion": _motion,
    "resolution": _resolution,
    "brighter": _shift,
    "window": _window,
    "metal": _metal,
    "missing slices": _missing_slices,
    "other organs": _other_organs,
}
