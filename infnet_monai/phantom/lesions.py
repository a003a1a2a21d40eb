"""Ground-glass and consolidation lesions of the thorax phantom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from infnet_monai.phantom.anatomy import Anatomy, FloatArray, Grid

GROUND_GLASS, CONSOLIDATION = 1, 2


@dataclass
class Lesions:
    """Where the lung is diseased, and how dense it is there.

    Attributes:
        opacity: Fraction in [0, 1] by which the lesion replaces the lung's HU, ``(X, Y, Z)`` float32, soft at the
            borders.
        density: HU of the lesion itself, ``(X, Y, Z)`` float32.
        mask: 0 healthy, 1 ground glass, 2 consolidation, ``(X, Y, Z)`` uint8.
    """

    opacity: FloatArray
    density: FloatArray
    mask: NDArray[np.uint8]


def build_lesions(grid: Grid, anatomy: Anatomy, rng: np.random.Generator) -> Lesions:
    """Scatter lesions of 9 to 32 mm radius over the lungs, mostly below the pleura and towards the back.

    About every second lesion has a consolidated core, whose HU are those of the chest wall beside it.

    Args:
        grid: Voxel grid of the phantom.
        anatomy: The chest to scatter them in.
        rng: Source of number, places, sizes and densities.

    Returns:
        The lesions.
    """
    depth_mm = ndimage.distance_transform_edt(anatomy.lung, sampling=grid.spacing_mm).astype(np.float32)
    ground_glass = np.full(grid.shape, -1, dtype=np.float32)
    consolidation = np.full(grid.shape, -1, dtype=np.float32)
    ripple = 0.22 * grid.smooth_field(rng, 14)
    for centre in _draw_centres(grid, anatomy, depth_mm, rng, count=int(rng.integers(10, 17))):
        radius_mm = 9 * 3.6 ** rng.uniform(0, 1)
        bump = _bump(grid, centre, radius_mm * rng.uniform(0.75, 1.25, 3)) + ripple
        np.maximum(ground_glass, bump, out=ground_glass)
        if rng.random() < 0.5:
            np.maximum(consolidation, bump - rng.uniform(0.35, 0.6), out=consolidation)
    lung = anatomy.lung
    glass = np.clip(0.5 + ground_glass / 0.24, 0, 1) * lung
    solid = np.clip(0.5 + consolidation / 0.08, 0, 1) * lung
    # Interlobular septa shine through: the reticulation ("crazy paving") of ground glass.
    glass_hu = rng.uniform(-590, -430) + 90 * grid.smooth_field(rng, 5)
    solid_hu = rng.uniform(-70, 30) + 25 * grid.smooth_field(rng, 6)
    mask = np.where(glass > 0.5, GROUND_GLASS, 0)
    mask = np.where(solid > 0.5, CONSOLIDATION, mask).astype(np.uint8)
    density = glass_hu + solid * (solid_hu - glass_hu)
    return Lesions(np.maximum(glass, solid), density, mask)


def no_lesions(grid: Grid) -> Lesions:
    """Return the lesions of healthy lungs.

    Args:
        grid: Voxel grid of the phantom.

    Returns:
        Lesions of opacity 0 and an empty mask.
    """
    nothing = np.zeros(grid.shape, np.float32)
    return Lesions(nothing, nothing, np.zeros(grid.shape, np.uint8))


def _draw_centres(
    grid: Grid, anatomy: Anatomy, depth_mm: FloatArray, rng: np.random.Generator, count: int
) -> NDArray[np.float64]:
    """Lesion centres in mm, ``(count, 3)``: likely near the pleura and behind, in 65 to 90 % of the height."""
    voxels = np.argwhere(anatomy.lung)
    relative = voxels / (np.array(grid.shape) - 1)
    extent = rng.uniform(0.65, 0.9)
    bottom = rng.uniform(0, 1 - extent)
    weight = np.exp(-depth_mm[anatomy.lung] / 9) * (0.2 + relative[:, 1]) ** 1.5
    weight *= (relative[:, 2] > bottom) & (relative[:, 2] < bottom + extent)
    chosen = rng.choice(len(voxels), size=count, replace=False, p=weight / weight.sum())
    return voxels[chosen] * np.array(grid.spacing_mm)


def _bump(grid: Grid, centre_mm: NDArray[np.float64], radii_mm: NDArray[np.float64]) -> FloatArray:
    """Paraboloid that is 1 in the centre, 0 on the ellipsoid and never below -1."""
    axes = (
        ((np.arange(n) * mm - c) / r).astype(np.float32) ** 2
        for n, mm, c, r in zip(grid.shape, grid.spacing_mm, centre_mm, radii_mm, strict=True)
    )
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    return np.maximum(1 - (x + y + z), -1)
