"""Where the slices of a stack are in the patient, the regular grid they are read on, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from infnet_monai.scans.dicom_headers import DicomSlice
from infnet_monai.scans.source import Problem, Severity

__all__ = ["SAME_POSITION_MM", "StackGeometry", "is_even", "measure_stack", "slice_distances"]

SAME_POSITION_MM = 0.01
SPACING_TOLERANCE = 0.01  # of the distance of slices, or SPACING_TOLERANCE_MM where that is more
SPACING_TOLERANCE_MM = 0.01
SAME_ORIENTATION = 1e-3  # difference of direction cosines
OFF_LINE_PIXELS = 0.1  # a slice's corner may be this far from the line through all corners
MOST_MISSING = 0.1  # fraction of slices that may be interpolated
LARGEST_GAP_MM = 15.0
LARGEST_UNEVEN_MM = 10.0
LEAST_COVERAGE = 0.75  # thickness of a slice, of the distance to the next; rounded values are above
VOXEL_LIMITS_MM = (0.1, 20.0)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
NAMED_POSITIONS = 6
MOST_PLANES = 10_000
NEEDED = {
    "position_mm": "ImagePositionPatient",
    "orientation": "ImageOrientationPatient",
    "pixel_mm": "PixelSpacing",
}


@dataclass(frozen=True)
class StackGeometry:
    """A stack of slices and the grid that it is read on.

    Attributes:
        slices: The slices in order along their normal, one for each position.
        positions_mm: Position of each along the normal.
        shape: Voxels of the grid, ``(columns, rows, planes)``.
        affine: Voxel index of the grid to mm in RAS+, (4, 4).
        spacing_mm: Distances of columns, rows and planes.
        tilt_degrees: Angle between the normal and the line through the corners of the slices.
        problems: What is wrong with the stack.
    """

    slices: tuple[DicomSlice, ...]
    positions_mm: tuple[float, ...]
    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, float, float]
    tilt_degrees: float
    problems: tuple[Problem, ...]


def measure_stack(slices: Sequence[DicomSlice]) -> StackGeometry:
    """Find the grid of a stack: slices of one size and orientation, in any order.

    The planes of the grid lie at equal distances from the first to the last slice. Where slices are missing or unevenly
    spaced, they are to be interpolated onto it, see :func:`infnet_monai.scans.dicom_pixels.read_voxels`.

    Args:
        slices: Slices with rows and columns.
    """
    problems: list[Problem] = []
    placed, missing = _with_geometry(slices)
    problems += missing
    placed = sorted(placed, key=_instance_number)
    orientation, mixed = _orientation_of(placed)
    problems += mixed
    distances = slice_distances(placed, orientation)
    order = np.argsort(distances, kind="stable")
    repeated = np.diff(distances[order], prepend=-np.inf) < SAME_POSITION_MM
    problems += _duplicate_positions(distances[order][repeated])
    order = order[~repeated]
    ordered, distances = [placed[k] for k in order], distances[order]
    planes, step_mm, uneven = _grid(ordered, distances)
    problems += uneven
    affine, tilt_degrees, leaning = _affine(ordered, orientation, distances, step_mm)
    problems += leaning
    between_rows, between_columns = ordered[0].pixel_mm or (1.0, 1.0)
    spacing_mm = (between_columns, between_rows, step_mm)
    problems += [*_voxel_size(spacing_mm), *_gaps(ordered, step_mm)]
    return StackGeometry(
        slices=tuple(ordered),
        positions_mm=tuple(distances.tolist()),
        shape=(ordered[0].columns, ordered[0].rows, planes),
        affine=affine,
        spacing_mm=spacing_mm,
        tilt_degrees=tilt_degrees,
        problems=tuple(problems),
    )


def slice_distances(slices: Sequence[DicomSlice], orientation: Sequence[float] | None = None) -> NDArray[np.float64]:
    """Return the positions of slices along their normal in mm.

    Args:
        slices: Slices with a position and an orientation.
        orientation: Direction cosines of all; those of the first by default.
    """
    cosines = np.asarray(orientation or slices[0].orientation, dtype=float)
    positions = np.array([each.position_mm for each in slices], dtype=float)
    return positions @ np.cross(cosines[:3], cosines[3:])


def is_even(distances: NDArray[np.float64], planes: int | None = None) -> bool:
    """Whether sorted positions are those of a regular grid, to 1 % of its spacing or 0.01 mm.

    Args:
        distances: Positions along the normal in mm, increasing.
        planes: Planes of the grid from the first to the last position; as many as there are positions by default.
    """
    planes = planes or len(distances)
    if planes != len(distances):
        return False
    grid = np.linspace(distances[0], distances[-1], planes)
    step_mm = (distances[-1] - distances[0]) / max(1, planes - 1)
    return bool(np.abs(distances - grid).max() <= _tolerance(step_mm))


def _tolerance(step_mm: float) -> float:
    return max(SPACING_TOLERANCE * step_mm, SPACING_TOLERANCE_MM)


def _with_geometry(slices: Sequence[DicomSlice]) -> tuple[list[DicomSlice], list[Problem]]:
    """Put an assumed geometry in the place of a missing one, with the problem that this is."""
    lacking = {name: sum(getattr(each, attribute) is None for each in slices) for attribute, name in NEEDED.items()}
    named = ", ".join(f"{name} in {count} of {len(slices)} images" for name, count in lacking.items() if count)
    if not named:
        return list(slices), []
    if not lacking["ImagePositionPatient"] and not lacking["ImageOrientationPatient"]:
        message = f"missing or invalid: {named}; with pixels of 1 mm assumed, volumes are not right"
        assumed = [replace(each, pixel_mm=each.pixel_mm or (1.0, 1.0)) for each in slices]
        return assumed, [Problem("no-spacing", message, Severity.REFUSED)]
    step_mm = slices[0].thickness_mm or 1.0
    assumed = [
        replace(each, position_mm=(0.0, 0.0, k * step_mm), orientation=AXIAL, pixel_mm=each.pixel_mm or (1.0, 1.0))
        for k, each in enumerate(sorted(slices, key=_instance_number))
    ]
    message = (
        f"missing or invalid: {named}; where the slices are is not known, so that order (by InstanceNumber), "
        f"orientation and distances ({step_mm:g} mm) are assumptions and volumes may be wrong"
    )
    return assumed, [Problem("no-position", message, Severity.REFUSED)]


def _instance_number(each: DicomSlice) -> int:
    return -1 if each.instance_number is None else each.instance_number


def _orientation_of(slices: Sequence[DicomSlice]) -> tuple[tuple[float, ...], list[Problem]]:
    orientations = np.array([each.orientation for each in slices], dtype=float)
    spread = np.abs(orientations - np.median(orientations, axis=0)).max()
    middle = orientations[np.abs(orientations - np.median(orientations, axis=0)).max(axis=1).argmin()]
    if spread <= SAME_ORIENTATION:
        return tuple(middle.tolist()), []
    message = f"the orientation of the slices varies (direction cosines by {spread:.4f}); they are no stack"
    return tuple(middle.tolist()), [Problem("mixed-orientation", message, Severity.REFUSED)]


def _duplicate_positions(repeated_mm: NDArray[np.float64]) -> list[Problem]:
    if not len(repeated_mm):
        return []
    message = (
        f"{len(repeated_mm)} images are at the position of another one ({_named(np.unique(repeated_mm))}), and nothing "
        "in the headers separates them; only the first image by InstanceNumber counts at each position"
    )
    return [Problem("duplicate-positions", message, Severity.REFUSED)]


def _grid(slices: Sequence[DicomSlice], distances: NDArray[np.float64]) -> tuple[int, float, list[Problem]]:
    """Return the number and the distance of the grid's planes."""
    if len(slices) == 1:
        return 1, slices[0].thickness_mm or 1.0, [_single_slice(slices[0])]
    steps_mm, extent_mm = np.diff(distances), float(distances[-1] - distances[0])
    if is_even(distances):
        return len(distances), extent_mm / (len(distances) - 1), []
    unit_mm = float(np.sort(steps_mm)[(len(steps_mm) - 1) // 2])  # the lower median is one of the steps
    if extent_mm > MOST_PLANES * unit_mm:
        return len(distances), unit_mm, [_far_apart(distances, unit_mm)]
    multiples = np.rint(steps_mm / unit_mm)
    step_mm = extent_mm / max(1.0, float(multiples.sum()))
    expected = distances[0] + step_mm * np.concatenate([[0], np.cumsum(multiples)])
    if multiples.min() >= 1 and np.abs(distances - expected).max() <= _tolerance(step_mm):
        planes = int(multiples.sum()) + 1
        return planes, step_mm, [_missing_slices(distances, planes)]
    planes = max(2, round(extent_mm / unit_mm) + 1)
    return planes, extent_mm / (planes - 1), [_uneven_spacing(steps_mm, extent_mm / (planes - 1))]


def _single_slice(only: DicomSlice) -> Problem:
    if only.thickness_mm:
        message = f"a single slice; its thickness of {only.thickness_mm:g} mm stands for the distance of slices"
        return Problem("single-slice", message, Severity.SKIPPED)
    message = "a single slice of unknown thickness; with 1 mm assumed, its volumes are not right"
    return Problem("single-slice", message, Severity.REFUSED)


def _far_apart(distances: NDArray[np.float64], unit_mm: float) -> Problem:
    message = (
        f"the slices lie from {distances[0]:.4g} to {distances[-1]:.4g} mm, most of them {unit_mm:.3g} mm apart; "
        "their positions are damaged"
    )
    return Problem("unreadable", message, Severity.REFUSED)


def _missing_slices(distances: NDArray[np.float64], planes: int) -> Problem:
    grid = np.linspace(distances[0], distances[-1], planes)
    is_there = np.abs(grid[:, np.newaxis] - distances).min(axis=1) <= _tolerance(grid[1] - grid[0])
    count, gap_mm = int((~is_there).sum()), float(np.diff(distances).max())
    message = f"{count} of {planes} slices are missing ({_named(grid[~is_there])}; the largest gap is {gap_mm:.1f} mm)"
    if count <= MOST_MISSING * planes and gap_mm <= LARGEST_GAP_MM:
        return Problem("missing-slices", f"{message} and are interpolated from their neighbours", Severity.WARNING)
    message += ", too many to interpolate them reliably from their neighbours"
    return Problem("missing-slices", message, Severity.REFUSED)


def _uneven_spacing(steps_mm: NDArray[np.float64], step_mm: float) -> Problem:
    message = f"the slices are {steps_mm.min():.2f} to {steps_mm.max():.2f} mm apart, not evenly spaced"
    if steps_mm.max() <= LARGEST_UNEVEN_MM:
        message += f", and are interpolated to planes {step_mm:.2f} mm apart"
        return Problem("uneven-spacing", message, Severity.WARNING)
    message += f", too far to interpolate them reliably to planes {step_mm:.2f} mm apart"
    return Problem("uneven-spacing", message, Severity.REFUSED)


def _affine(
    slices: Sequence[DicomSlice], orientation: Sequence[float], distances: NDArray[np.float64], step_mm: float
) -> tuple[NDArray[np.float64], float, list[Problem]]:
    """Return the affine, the tilt in degrees, and whether the slices lean or move.

    Source: DICOM PS3.3, C.7.6.2.1.1, for the in-plane columns.
    """
    row, column = np.array(orientation, dtype=float).reshape(2, 3)
    normal = np.cross(row, column)
    between_rows, between_columns = slices[0].pixel_mm or (1.0, 1.0)
    positions = np.array([each.position_mm for each in slices], dtype=float)
    in_plane = (positions - positions[0]) @ np.stack([row, column], axis=1)
    along = distances - distances[0]
    design = np.stack([along, np.ones_like(along)], axis=1)
    (slope, offset), *_ = np.linalg.lstsq(design, in_plane, rcond=None)
    off_line = np.abs(in_plane - design @ np.stack([slope, offset])).max()
    pixel_mm = min(between_rows, between_columns)
    if np.abs(slope).max() * along[-1] <= OFF_LINE_PIXELS * pixel_mm:
        slope = np.zeros(2)
    tilt_degrees = float(np.degrees(np.arctan(np.linalg.norm(slope))))
    step = step_mm * (normal + slope[0] * row + slope[1] * column)
    affine = np.eye(4)
    affine[:3] = np.stack([row * between_columns, column * between_rows, step, positions[0]], axis=1)
    problems = []
    if off_line > max(OFF_LINE_PIXELS * pixel_mm, SPACING_TOLERANCE_MM):
        message = f"the slices move by up to {off_line:.2f} mm within their planes, from slice to slice"
        problems.append(Problem("moving-origin", message, Severity.REFUSED))
    elif tilt_degrees:
        message = f"the gantry was tilted by {tilt_degrees:.1f} degrees; the slices are sheared, their volumes right"
        problems.append(Problem("gantry-tilt", message, Severity.WARNING))
    return RAS_FROM_LPS @ affine, tilt_degrees, problems


def _voxel_size(spacing_mm: Sequence[float]) -> list[Problem]:
    low, high = VOXEL_LIMITS_MM
    if all(low <= mm <= high for mm in spacing_mm):
        return []
    size = " x ".join(f"{mm:g}" for mm in spacing_mm)
    message = f"voxels of {size} mm are not those of a chest CT ({low:g} to {high:g} mm)"
    return [Problem("odd-voxel-size", message, Severity.REFUSED)]


def _gaps(slices: Sequence[DicomSlice], step_mm: float) -> list[Problem]:
    """Warn of slices so thin that much lies between them, by design or since every second file is lost."""
    thickness_mm = float(np.median([each.thickness_mm or step_mm for each in slices]))
    if thickness_mm >= LEAST_COVERAGE * step_mm:
        return []
    message = (
        f"slices of {thickness_mm:g} mm are {step_mm:.4g} mm apart; what lies in the gaps is not seen, and volumes are "
        "estimates"
    )
    return [Problem("gaps", message, Severity.WARNING)]


def _named(positions_mm: NDArray[np.float64]) -> str:
    """Name positions, the first few of many."""
    shown = ", ".join(f"{mm:.1f}" for mm in positions_mm[:NAMED_POSITIONS])
    return f"at {shown}{', ...' if len(positions_mm) > NAMED_POSITIONS else ''} mm"
