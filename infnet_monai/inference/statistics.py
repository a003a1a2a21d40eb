"""Statistics of one scan: how much lesion, how much lung, where."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infnet_monai.findings.region import bounding_box
from infnet_monai.lungs.plausibility import usable_lungs
from infnet_monai.lungs.sides import LEFT, RIGHT, sides_of_columns

__all__ = ["LesionStatistics", "count_in_lungs", "lesion_box", "measure_lesions"]

ANY_NEIGHBOUR = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True)
class LesionStatistics:
    """Statistics of the lesions and lungs of one scan; what is undefined is ``None``.

    Attributes:
        lesion_volume_ml: Volume of all lesions together.
        lung_volume_ml: Volume of both lungs with the lesions in them; ``None`` where one of them is unknown.
        right_lung_volume_ml: Volume of the right lung with the lesions in it; ``None`` where it was not found, or is
            less than a third of the left one, so that most of it was missed. Likewise ``left_lung_volume_ml``.
        lesion_percent_of_lung: Lesion fraction of both lungs in %, 0 to 100; ``None`` like their volume.
        lesion_percent_of_right_lung: Lesion fraction of the right lung in %; ``None`` like its volume. Likewise
            ``lesion_percent_of_left_lung``.
        slices: Number of slices of the scan.
        slices_with_lesion: Number of slices with lesion.
        lesion_count: Number of separate lesions; voxels that share a corner belong to the same one.
        largest_lesion_ml: Volume of the largest lesion; ``None`` where there is no lesion.
        mean_lesion_hu: Mean intensity of the lesions; ``None`` where there is no lesion or the scan is not in HU.
        lesion_touches_border: Whether a lesion reaches the first or last voxel along some axis, so that part of it may
            be outside the scan. Always so for a lesion in a scan of one slice.
        removed_outside_chest_ml: Volume of what the network took for lesion outside the chest, which is in no other
            value; ``None`` where no lungs were found or this is not known.
    """

    lesion_volume_ml: float
    lung_volume_ml: float | None
    right_lung_volume_ml: float | None
    left_lung_volume_ml: float | None
    lesion_percent_of_lung: float | None
    lesion_percent_of_right_lung: float | None
    lesion_percent_of_left_lung: float | None
    slices: int
    slices_with_lesion: int
    lesion_count: int
    largest_lesion_ml: float | None
    mean_lesion_hu: float | None
    lesion_touches_border: bool
    removed_outside_chest_ml: float | None = None

    def as_dict(self) -> dict[str, float | int | bool | None]:
        """Return plain values for JSON and CSV; volumes to 0.001 ml, fractions to 0.001 %, HU to 0.001."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}


def measure_lesions(
    lesions: ArrayLike,
    affine: ArrayLike,
    lung_labels: ArrayLike | None = None,
    image_hu: ArrayLike | None = None,
    removed_outside_chest_ml: float | None = None,
) -> LesionStatistics:
    """Measure lesions and lungs.

    A lesion voxel counts as lung even where the lung mask leaves it out, as it does with consolidation at the pleura;
    it then belongs to the lung whose centre is nearer from right to left. So a dense lung of which a part was found
    counts as a whole where it is segmented as lesion. Where only one lung was found, lesions to the right and left of
    it belong to the other, of which nothing is said.

    Args:
        lesions: Lesion mask ``(H, W, D)``, not zero in lesions; axis 1 runs from right to left, axis 2 over the slices.
        affine: Voxel index to mm, (4, 4); its determinant gives the volume of a voxel.
        lung_labels: Lungs ``(H, W, D)``, 1 in the right and 2 in the left one; ``None`` or empty where none are known.
        image_hu: Intensities ``(H, W, D)`` where they are HU.
        removed_outside_chest_ml: Volume of lesion outside the chest that has been taken away from ``lesions``.

    Returns:
        The statistics.
    """
    is_lesion = np.asarray(lesions) != 0
    box = lesion_box(is_lesion)
    in_box = is_lesion[box]
    voxel_ml = abs(float(np.linalg.det(np.asarray(affine, dtype=float)[:3, :3]))) / 1000
    sizes = _component_sizes(in_box)
    count, largest = len(sizes), int(sizes.max()) if len(sizes) else None
    in_hu = image_hu is not None and count > 0
    lungs = np.zeros_like(is_lesion) if lung_labels is None else np.asarray(lung_labels)
    right, left = count_in_lungs(in_box, box, lungs)
    right, left = (lung * usable for lung, usable in zip((right, left), usable_lungs(right[1], left[1]), strict=True))
    both = right + left if right[1] and left[1] else 0 * right
    return LesionStatistics(
        lesion_volume_ml=int(sizes.sum()) * voxel_ml,
        lung_volume_ml=_volume_ml(both, voxel_ml),
        right_lung_volume_ml=_volume_ml(right, voxel_ml),
        left_lung_volume_ml=_volume_ml(left, voxel_ml),
        lesion_percent_of_lung=_lesion_percent(both),
        lesion_percent_of_right_lung=_lesion_percent(right),
        lesion_percent_of_left_lung=_lesion_percent(left),
        slices=is_lesion.shape[2],
        slices_with_lesion=int(in_box.any(axis=(0, 1)).sum()),
        lesion_count=int(count),
        largest_lesion_ml=largest * voxel_ml if largest else None,
        mean_lesion_hu=float(np.asarray(image_hu)[box][in_box].mean(dtype=np.float64)) if in_hu else None,
        lesion_touches_border=count > 0
        and any(part.start == 0 or part.stop == size for part, size in zip(box, is_lesion.shape, strict=True)),
        removed_outside_chest_ml=removed_outside_chest_ml,
    )


def lesion_box(is_lesion: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Return the box around all lesions; an empty one without.

    Args:
        is_lesion: Lesion mask ``(H, W, D)``.
    """
    return bounding_box(is_lesion) or (slice(0, 0),) * 3


def _component_sizes(is_lesion: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the voxels of each separate lesion, slice by slice to save memory."""
    from scipy import ndimage  # only for measuring: reading records needs no more than the class

    labels, count = ndimage.label(is_lesion, ANY_NEIGHBOUR)
    sizes = np.zeros(count + 1, dtype=np.int64)
    for plane in np.moveaxis(labels, -1, 0):
        sizes += np.bincount(plane.ravel(), minlength=count + 1)
    return sizes[1:]


def count_in_lungs(is_lesion: NDArray[np.bool_], box: tuple[slice, ...], lung_labels: NDArray) -> NDArray[np.int64]:
    """Count the voxels of lesions and lungs in the right and the left lung.

    Args:
        is_lesion: Lesions in their box.
        box: The box.
        lung_labels: Lungs ``(H, W, D)``, 1 in the right and 2 in the left one.

    Returns:
        ``[lesion, lung]`` of the right (first row) and the left lung, zeros for a lung not found.
    """
    in_lung = np.array([(lung_labels == side).sum(axis=(0, 2)) for side in (RIGHT, LEFT)])  # (side, column)
    lungs = lung_labels[box]
    lesion_in_lung = np.array([(is_lesion & (lungs == side)).sum() for side in (RIGHT, LEFT)])
    if not in_lung.any():
        return np.zeros((2, 2), dtype=np.int64)
    left_out = (is_lesion & (lungs == 0)).sum(axis=(0, 2))
    sides = sides_of_columns(in_lung)[box[1]]
    left_out_by_side = np.array([left_out[sides == side].sum() for side in (RIGHT, LEFT)])
    return np.stack([lesion_in_lung + left_out_by_side, in_lung.sum(axis=1) + left_out_by_side], axis=1)


def _volume_ml(lung: NDArray[np.int64], voxel_ml: float) -> float | None:
    return float(lung[1] * voxel_ml) if lung[1] else None


def _lesion_percent(lung: NDArray[np.int64]) -> float | None:
    return float(100 * lung[0] / lung[1]) if lung[1] else None
