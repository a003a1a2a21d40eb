"""Bronchi and pulmonary vessels of the thorax phantom: random trees of tapering tubes, drawn into a volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infnet_monai.phantom.anatomy import FloatArray, Grid

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Tube:
    """Straight piece of a vessel or bronchus.

    Attributes:
        start_mm: Position of one end in mm.
        end_mm: Position of the other end in mm.
        radius_mm: Radius in mm.
    """

    start_mm: Vector
    end_mm: Vector
    radius_mm: float


def central_airways(grid: Grid) -> list[Tube]:
    """Trachea and the two main bronchi.

    Args:
        grid: Voxel grid of the phantom.

    Returns:
        One tube for each of them.
    """
    top, carina = grid.to_mm(0.0, 0.02, 1.1), grid.to_mm(0.0, 0.08, 0.66)
    hila = [hilum(grid, side) for side in (-1, 1)]
    return [Tube(top, carina, 8.5)] + [Tube(carina, end, 6.0) for end in hila]


def hilum(grid: Grid, side: int) -> Vector:
    """Root of one lung.

    Args:
        grid: Voxel grid of the phantom.
        side: -1 for the patient's right lung, +1 for the left.

    Returns:
        Its position in mm.
    """
    return grid.to_mm(side * 0.25, 0.09, 0.55)


def grow_tree(
    rng: np.random.Generator, root_mm: Vector, side: int, *, stems: int, radius_mm: float, generations: int
) -> list[Tube]:
    """Grow a tree that forks in two at every generation, from the hilum outwards.

    Args:
        rng: Source of every angle and length.
        root_mm: Position in mm where the stems begin.
        side: -1 to grow towards the patient's right, +1 towards the left.
        stems: Number of branches that leave the root, spread over a half sphere.
        radius_mm: Radius of the stems in mm; every fork multiplies it by 0.78 (Murray's law for two equal
            branches: 0.79).
        generations: Number of pieces between a stem and its twigs.

    Returns:
        All pieces of the tree, stems first.
    """
    tubes, front = [], []
    for stem in range(stems):
        turn = 2 * np.pi * (stem + rng.uniform(0, 0.6)) / stems
        direction = np.array([side * rng.uniform(0.35, 0.9), np.cos(turn), np.sin(turn)])
        front.append((root_mm, direction, radius_mm))
    length_mm = 30.0
    for _ in range(generations):
        grown = []
        for start, direction, radius in front:
            unit = direction / np.linalg.norm(direction)
            end = start + unit * length_mm * rng.uniform(0.75, 1.25)
            tubes.append(Tube(start, end, radius))
            swerve = np.cross(unit, rng.standard_normal(3)) * rng.uniform(0.3, 0.7)
            grown += [(end, unit + swerve, radius * 0.78), (end, unit - swerve, radius * 0.78)]
        front, length_mm = grown, length_mm * 0.8
    return tubes


def draw_tubes(grid: Grid, tubes: list[Tube], *, wall_mm: float = 0.0) -> FloatArray:
    """Fraction of every voxel that is inside one of the tubes, soft over half a voxel.

    Args:
        grid: The voxels to fill.
        tubes: Pieces to draw.
        wall_mm: Width in mm added to every radius, to draw an airway with its wall.

    Returns:
        The fractions ``(X, Y, Z)``, float32 in [0, 1].
    """
    cover = np.zeros(grid.shape, dtype=np.float32)
    spacing = np.array(grid.spacing_mm)
    softness = spacing[:2].mean()
    for tube in tubes:
        radius = tube.radius_mm + wall_mm
        reach = radius + softness
        low = np.floor((np.minimum(tube.start_mm, tube.end_mm) - reach) / spacing).astype(int).clip(0)
        high = np.ceil((np.maximum(tube.start_mm, tube.end_mm) + reach) / spacing).astype(int) + 1
        box = tuple(slice(a, b) for a, b in zip(low, high.clip(0), strict=True))
        if cover[box].size:
            distance = _distance_to_segment(grid, box, tube)
            np.maximum(cover[box], np.clip((radius - distance) / softness + 0.5, 0, 1), out=cover[box])
    return cover


def _distance_to_segment(grid: Grid, box: tuple[slice, ...], tube: Tube) -> FloatArray:
    """Distance in mm of the voxel centres of ``box`` from the axis of the tube."""
    ranges = [
        np.arange(part.start, min(part.stop, n)) * mm - start
        for part, n, mm, start in zip(box, grid.shape, grid.spacing_mm, tube.start_mm, strict=True)
    ]
    x, y, z = np.meshgrid(*(r.astype(np.float32) for r in ranges), indexing="ij", sparse=True)
    axis = (tube.end_mm - tube.start_mm).astype(np.float32)
    along = np.clip((x * axis[0] + y * axis[1] + z * axis[2]) / (axis @ axis), 0, 1)
    return np.sqrt((x - along * axis[0]) ** 2 + (y - along * axis[1]) ** 2 + (z - along * axis[2]) ** 2)
