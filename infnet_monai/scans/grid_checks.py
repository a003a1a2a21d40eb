"""The grid of a volume: the spacing that an affine means, and what makes a grid unusable."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from infnet_monai.scans.source import Problem, ScanHeader, Severity

__all__ = ["MOST_VOXELS", "grid_problems", "grid_spacing", "refused", "volume_shape"]

SMALLEST_MM, LARGEST_MM = 0.1, 20.0
SINGULAR = 1e-9
FARTHEST_MM = 1e5  # no voxel is 100 m away
MOST_VOXELS = 1 << 31  # 2048 x 2048 x 512; more is a damaged header, or does not fit into memory


def refused(code: str, message: str) -> Problem:
    """Return a problem for which a scan is refused.

    Args:
        code: Short name of the problem.
        message: One sentence without the path.
    """
    return Problem(code, message, Severity.REFUSED)


def volume_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a volume that may be stored as a time series of one.

    Args:
        shape: Shape in a header.

    Example:
        >>> volume_shape((4, 5, 3, 1)), volume_shape((4, 5, 3, 2)), volume_shape((4, 5, 1))
        ((4, 5, 3), (4, 5, 3, 2), (4, 5, 1))
    """
    sizes = tuple(int(size) for size in shape)
    return sizes[:3] if len(sizes) == 4 and sizes[3] == 1 else sizes


def grid_spacing(affine: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the size of a voxel along its axes; the third is the distance between slice planes.

    Args:
        affine: Voxel index to mm, (4, 4); may be sheared.

    Returns:
        Three numbers in mm, whose product is the volume of a voxel where rows and columns are at right angles.

    Example:
        >>> grid_spacing(np.array([[2.0, 0, 0, 0], [0, 2, 1, 0], [0, 0, 5, 0], [0, 0, 0, 1]]))  # sheared
        (2.0, 2.0, 5.0)
    """
    row, column, step = affine[:3, :3].T
    normal = np.cross(row, column)
    length = float(np.linalg.norm(normal))
    distance = abs(float(normal @ step)) / length if length else 0.0
    return float(np.linalg.norm(row)), float(np.linalg.norm(column)), distance


def grid_problems(header: ScanHeader) -> Iterator[Problem]:
    """Find what is wrong with the shape and the affine of a volume.

    Args:
        header: What the header of a file says, with shape and affine (mm).

    Yields:
        The problems; ``"unreadable"`` are those that nobody can accept.
    """
    shape, affine, spacing = header.shape, header.affine, header.spacing_mm
    if shape is None or affine is None or spacing is None:
        return
    if len(shape) != 3:
        remedy = "one file a time point" if len(shape) > 3 else "a one-slice volume (H, W, 1), which has an orientation"
        yield refused("unreadable", f"is {len(shape)}D, shape {shape}; expected a 3D volume. Save {remedy}")
        return
    if not all(shape):
        yield refused("unreadable", f"shape {shape} holds no voxel")
    if math.prod(shape) > MOST_VOXELS:
        yield refused("unreadable", f"shape {shape} has more voxels than any CT; the header is damaged")
    is_sane = np.isfinite(affine).all() and np.abs(affine).max() <= FARTHEST_MM
    if not is_sane or abs(np.linalg.det(affine[:3, :3])) < SINGULAR:
        message = (
            "the header has no valid spacing (affine is singular, or beyond all sizes). Write the file with its spacing"
        )
        yield refused("unreadable", message)
        return
    if min(spacing) < SMALLEST_MM * (1 - 1e-6) or max(spacing) > LARGEST_MM * (1 + 1e-6):
        sizes = " x ".join(f"{size:.4g}" for size in spacing)
        yield refused(
            "odd-voxel-size",
            f"voxels of {sizes} mm; expected {SMALLEST_MM:g} to {LARGEST_MM:g} mm. Write the file with its spacing",
        )
    if shape[2] == 1:
        message = f"a single slice: volumes rest on a thickness of {spacing[2]:.4g} mm in the header"
        yield Problem("single-slice", message, Severity.WARNING)
