"""Body, lungs, bones and mediastinum of the thorax phantom, as implicit shapes on one voxel grid.

Shapes are written in relative coordinates, so that a phantom of any size is a whole chest: ``u`` runs from the
patient's right (-1) to the left (+1) edge of the picture, ``v`` from the front (-1) to the back (+1), ``w`` from the
lowest (0) to the highest (1) slice. What has a physical size (vessels, lesions, rib spacing) is given in mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

FloatArray = NDArray[np.floating]
BoolArray = NDArray[np.bool_]

HU_AIR, HU_LUNG, HU_FAT, HU_SOFT_TISSUE, HU_LIVER, HU_MARROW, HU_CORTEX = -1000, -860, -100, 40, 55, 180, 550


@dataclass(frozen=True)
class Grid:
    """Voxel grid of one phantom.

    Attributes:
        shape: Number of voxels towards the patient's left, back and head.
        spacing_mm: Size of a voxel along the same axes in mm.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]

    def relative(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Open mesh of the relative coordinates u and v in [-1, 1] and w in [0, 1]."""
        axes = (np.linspace(-1, 1, self.shape[0]), np.linspace(-1, 1, self.shape[1]), np.linspace(0, 1, self.shape[2]))
        u, v, w = np.meshgrid(*(axis.astype(np.float32) for axis in axes), indexing="ij", sparse=True)
        return u, v, w

    def to_mm(self, u: float, v: float, w: float) -> NDArray[np.float64]:
        """Position in mm from the first voxel of a point given in relative coordinates."""
        return np.array([(u + 1) / 2, (v + 1) / 2, w]) * (np.array(self.shape) - 1) * self.spacing_mm

    def smooth_field(self, rng: np.random.Generator, scale_mm: float) -> FloatArray:
        """Random field of zero mean and unit deviation whose structures are about ``scale_mm`` wide."""
        frequency = np.meshgrid(
            *(np.arange(n) / (2 * n * mm) for n, mm in zip(self.shape, self.spacing_mm, strict=True)),
            indexing="ij",
            sparse=True,
        )
        damping = np.exp(-0.5 * scale_mm**2 * sum(f.astype(np.float32) ** 2 for f in frequency) * np.pi)
        damping[0, 0, 0] = 0
        field = fft.idctn(rng.standard_normal(self.shape, dtype=np.float32) * damping, norm="ortho")
        return (field / field.std()).astype(np.float32)


@dataclass
class Anatomy:
    """A chest without vessels and lesions.

    Attributes:
        image: Intensities in HU, ``(X, Y, Z)`` float32.
        body: Voxels inside the skin, ``(X, Y, Z)`` bool.
        lung: Voxels of both lungs, ``(X, Y, Z)`` bool.
    """

    image: FloatArray
    body: BoolArray
    lung: BoolArray


def build_anatomy(grid: Grid, rng: np.random.Generator) -> Anatomy:
    """Draw one patient: outline, size of the heart and height of the diaphragm vary.

    Args:
        grid: Voxel grid to draw on.
        rng: Source of the variation.

    Returns:
        The chest.
    """
    u, v, w = grid.relative()
    u, v = u + 0.018 * grid.smooth_field(rng, 75), v + 0.018 * grid.smooth_field(rng, 75)
    girth, roundness = rng.uniform(0.88, 0.95), rng.uniform(0.74, 0.82)
    skin = _oval_radius(u, v, girth, girth * roundness * 1.1, 2.4)
    narrowing = 1 - 0.45 * _smoothstep(w, 0.62, 1.1)
    cage = _oval_radius(u, v - 0.02, 0.83 * girth * narrowing, 0.83 * girth * roundness * 1.08 * narrowing, 2.3)
    dome = _diaphragm_height(u, v, rng)
    heart = _ellipsoid(u, v, w, (0.12, -0.18, 0.36), rng.uniform(0.9, 1.1) * np.array([0.30, 0.29, 0.27])) < 1
    aorta = _oval_radius(u - 0.11, v - 0.26, 0.065, 0.075, 2.0) < 1
    spine = _oval_radius(u, v - 0.42, 0.11, 0.125, 2.0)

    lung = (cage < 1) & (np.abs(u) > _mediastinum_half_width(v, w)) & (w > dome) & ~heart & ~aorta & (spine > 1.15)
    body = skin < 1
    image = np.full(grid.shape, HU_AIR, dtype=np.float32)
    image[body] = HU_FAT
    image[skin < 0.93] = HU_SOFT_TISSUE
    inside = cage < 1
    image += np.where(inside, 18 * grid.smooth_field(rng, 18), 0)
    image[inside & (w <= dome) & (u < 0.15)] = HU_LIVER
    image[_ellipsoid(u, v, w, (0.42, -0.25, 0.06), np.array([0.15, 0.13, 0.09])) < 1] = -900  # gas in the stomach
    _draw_bones(image, grid, u, v, w, cage, spine)
    # Blood and interstitium sink: the dependent (posterior) lung is denser, which a network must not take for disease.
    parenchyma = HU_LUNG + 45 * np.broadcast_to(v, grid.shape) + 18 * grid.smooth_field(rng, 14)
    image[lung] = parenchyma[lung]
    return Anatomy(image, body, lung)


def _draw_bones(
    image: FloatArray, grid: Grid, u: FloatArray, v: FloatArray, w: FloatArray, cage: FloatArray, spine: FloatArray
) -> None:
    """Ribs as oblique bands in the chest wall, vertebrae with their arch, and the sternum."""
    angle = np.abs(np.arctan2(u, v))  # 0 at the back, pi at the front: ribs descend on their way to the front
    height_mm = w * (grid.shape[2] - 1) * grid.spacing_mm[2]
    phase = (height_mm + 22 * angle) / 26 % 1
    ribs = (cage > 1.03) & (cage < 1.12) & (phase < 0.5) & (angle < 2.6)
    image[ribs] = HU_CORTEX
    image[ribs & (cage > 1.05) & (cage < 1.10) & (phase > 0.1) & (phase < 0.4)] = HU_MARROW
    arch = _oval_radius(u, v - 0.60, 0.085, 0.10, 2.0)
    for vertebra, core in ((spine, 0.88), (arch, 0.6), (_oval_radius(u, v + 0.66, 0.12, 0.045, 2.0), 0.7)):
        bone = np.broadcast_to(vertebra < 1, image.shape)
        image[bone] = HU_CORTEX
        image[np.broadcast_to(vertebra < core, image.shape)] = HU_MARROW
    image[np.broadcast_to(arch < 0.5, image.shape)] = 25  # spinal canal


def _diaphragm_height(u: FloatArray, v: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Height w of the two domes, the right one above the liver higher; they fall off towards the back."""
    right, left = rng.uniform(0.30, 0.38), rng.uniform(0.24, 0.32)
    fall = ((np.abs(u) - 0.38) / 0.55) ** 2 + ((v + 0.15) / 0.80) ** 2
    return np.where(u < 0, right, left) - 0.36 * fall


def _mediastinum_half_width(v: FloatArray, w: FloatArray) -> FloatArray:
    """Half-width in u of the tissue between the lungs: wide at the hila, a thin septum in front."""
    hila = 0.10 * np.exp(-(((v - 0.08) / 0.24) ** 2) - ((w - 0.55) / 0.3) ** 2)
    vessels = 0.08 * np.exp(-(((v + 0.12) / 0.28) ** 2)) * _smoothstep(w, 0.3, 0.5)
    return 0.035 + hila + vessels + 0.05 * _smoothstep(v, 0.1, 0.3)


def _oval_radius(
    u: FloatArray, v: FloatArray, ru: float | FloatArray, rv: float | FloatArray, power: float
) -> FloatArray:
    """Radius relative to a superellipse: below 1 inside, above 1 outside."""
    return (np.abs(u / ru) ** power + np.abs(v / rv) ** power) ** (1 / power)


def _ellipsoid(
    u: FloatArray, v: FloatArray, w: FloatArray, centre: tuple[float, float, float], radii: NDArray[np.float64]
) -> FloatArray:
    cu, cv, cw = centre
    ru, rv, rw = radii.astype(np.float32)
    return ((u - cu) / ru) ** 2 + ((v - cv) / rv) ** 2 + ((w - cw) / rw) ** 2


def _smoothstep(x: FloatArray, low: float, high: float) -> FloatArray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
