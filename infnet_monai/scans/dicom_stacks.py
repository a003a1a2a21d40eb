"""Which slices of a folder belong together: series, sizes and orientations within them, stacks at the same place."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import combinations
from operator import attrgetter
from typing import Any

import numpy as np

from infnet_monai.scans.dicom_geometry import SAME_POSITION_MM, is_even, slice_distances
from infnet_monai.scans.dicom_headers import DicomSlice

__all__ = ["by_series", "split_stacks", "without_copies"]

ORIENTATION_TOLERANCE = 0.05  # of direction cosines, 3 degrees; within a stack they must agree better
PIXEL_TOLERANCE = 1e-3  # of the pixel spacing
LOCALIZER = "LOCALIZER"
SEPARATORS: tuple[Callable[[DicomSlice], Hashable], ...] = (
    *map(attrgetter, ("stack", "temporal_position", "acquisition", "echo", "kernel", "image_type")),
    lambda each: f"{each.thickness_mm:.3g}" if each.thickness_mm else "",
    *map(attrgetter, ("acquisition_time", "content_time")),
)


def by_series(slices: Iterable[DicomSlice]) -> list[list[DicomSlice]]:
    """Sort slices into series; those whose UID was removed are separated by number and description.

    Args:
        slices: Slices of one folder.
    """
    return _groups(
        slices,
        lambda each: each.series_uid or (each.study_uid, each.series_number, each.series_description),
    )


def without_copies(slices: Sequence[DicomSlice]) -> list[DicomSlice]:
    """Leave out slices that are there twice: same SOPInstanceUID, frame, position and number.

    Args:
        slices: Slices of one series.
    """
    kept: dict[Hashable, DicomSlice] = {}
    for k, each in enumerate(slices):
        identity = (each.sop_uid or k, each.frame, each.position_mm, each.instance_number)
        kept.setdefault(identity, each)
    return list(kept.values())


def split_stacks(slices: Sequence[DicomSlice]) -> list[list[DicomSlice]]:
    """Sort the slices of a series into stacks: of one size, orientation and kind, one slice at each position.

    Args:
        slices: Slices of one series.

    Returns:
        The stacks, the largest first. Where no header value separates slices at the same position, one stack has both.
    """
    same_geometry = [
        group
        for kind in _groups(slices, _kind_of_image)
        for group in _similar(kind, "orientation", ORIENTATION_TOLERANCE, 0.0)
    ]
    same_pixels = [part for group in same_geometry for part in _similar(group, "pixel_mm", 0.0, PIXEL_TOLERANCE)]
    stacks = [stack for group in same_pixels for stack in _split_group(group)]
    return sorted(stacks, key=len, reverse=True)


def _kind_of_image(each: DicomSlice) -> Hashable:
    return (
        *(each.sop_class, each.modality, each.rows, each.columns, each.samples),
        *(LOCALIZER in each.image_type, each.position_mm is None),
    )


def _groups(slices: Iterable[DicomSlice], key: Callable[[DicomSlice], Hashable]) -> list[list[DicomSlice]]:
    groups: dict[Hashable, list[DicomSlice]] = {}
    for each in slices:
        groups.setdefault(key(each), []).append(each)
    return list(groups.values())


def _similar(slices: Sequence[DicomSlice], attribute: str, atol: float, rtol: float) -> list[list[DicomSlice]]:
    """Group slices whose numbers agree with those of the first of a group; headers differ in the last digits."""
    groups: dict[Any, list[DicomSlice]] = {}
    for exact in _groups(slices, attrgetter(attribute)):
        value: Any = getattr(exact[0], attribute)
        near = value
        for other in groups:
            if value is not None and other is not None and np.allclose(value, other, rtol, atol):
                near = other
                break
        groups.setdefault(near, []).extend(exact)
    return list(groups.values())


def _split_group(slices: list[DicomSlice]) -> Iterator[list[DicomSlice]]:
    if len(slices) < 4 or any(each.position_mm is None or each.orientation is None for each in slices):
        yield slices
        return
    distances = np.sort(slice_distances(slices))
    has_duplicates = _has_duplicates(distances)
    if not has_duplicates and is_even(distances):
        yield slices
        return
    yield from _separate(slices, has_duplicates)


def _separate(slices: list[DicomSlice], has_duplicates: bool) -> list[list[DicomSlice]]:
    """Separate stacks that share their place by the first header value, or pair of values, that does it cleanly."""
    pairs = combinations(SEPARATORS, 2) if has_duplicates else ()
    for keys in (*((key,) for key in SEPARATORS), *pairs):
        parts = _groups(slices, lambda each, keys=keys: tuple(key(each) for key in keys))  # type: ignore[misc]
        if _is_clean(parts, must_be_even=not has_duplicates):
            return parts
    halves = _by_instance_number(slices) if has_duplicates else []
    return halves if _is_clean(halves, must_be_even=False) else [slices]


def _is_clean(parts: Sequence[Sequence[DicomSlice]], must_be_even: bool) -> bool:
    """Whether parts are stacks of their own in one place, rather than pieces of one stack."""
    if len(parts) < 2 or min(map(len, parts)) < 2:
        return False
    # along the normal of the first: orientations within a group differ by rounding only
    orientation = parts[0][0].orientation
    distances = [np.sort(slice_distances(part, orientation)) for part in parts]
    if any(_has_duplicates(each) or (must_be_even and not is_even(each)) for each in distances):
        return False
    shared_mm = min(each[-1] for each in distances) - max(each[0] for each in distances)
    return bool(shared_mm >= 0.5 * min(each[-1] - each[0] for each in distances))


def _has_duplicates(distances: np.ndarray) -> bool:
    return bool((np.diff(distances) < SAME_POSITION_MM).any())


def _by_instance_number(slices: Sequence[DicomSlice]) -> list[list[DicomSlice]]:
    """Cut a series by InstanceNumber into as many parts of equal length as there are slices at each position."""
    numbers = [each.instance_number for each in slices]
    if None in numbers or len(set(numbers)) < len(numbers):
        return []
    distances = np.sort(slice_distances(slices))
    positions = 1 + int((np.diff(distances) >= SAME_POSITION_MM).sum())
    ordered = sorted(slices, key=lambda each: each.instance_number or 0)
    return [ordered[k : k + positions] for k in range(0, len(ordered), positions)]
