"""Statistics of each lesion class of one scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from infnet_monai.inference.statistics import count_in_lungs, lesion_box
from infnet_monai.lungs.plausibility import usable_lungs

__all__ = ["ClassStatistics", "measure_classes"]


@dataclass(frozen=True)
class ClassStatistics:
    """Statistics of one class; what is undefined is ``None``.

    Attributes:
        volume_ml: Volume of the class.
        percent_of_lesion: Its fraction of all lesions in %; ``None`` where there is no lesion.
        percent_of_right_lung: Its fraction of the right lung in %; ``None`` where that volume is unknown. Likewise
            ``percent_of_left_lung``.
    """

    volume_ml: float
    percent_of_lesion: float | None
    percent_of_right_lung: float | None
    percent_of_left_lung: float | None

    def as_dict(self) -> dict[str, float | None]:
        """Return plain values for JSON and CSV, to three digits."""
        return {name: None if value is None else round(value, 3) for name, value in asdict(self).items()}


def measure_classes(
    labels: ArrayLike, affine: ArrayLike, values: Mapping[str, int], lung_labels: ArrayLike | None = None
) -> dict[str, ClassStatistics]:
    """Measure each class of a label volume.

    The volume of a lung is the same for all classes: it counts every lesion voxel as lung, as
    :func:`infnet_monai.inference.statistics.measure_lesions` does.

    Args:
        labels: Lesion classes ``(H, W, D)``, 0 where there is none; axis 1 runs from right to left.
        affine: Voxel index to mm, (4, 4).
        values: Value of each class by its name.
        lung_labels: Lungs ``(H, W, D)``, 1 in the right and 2 in the left one; ``None`` or empty where none are known.

    Returns:
        The statistics by the names of the classes.
    """
    volume = np.asarray(labels)
    box = lesion_box(volume != 0)
    lungs = np.zeros(volume.shape, np.uint8) if lung_labels is None else np.asarray(lung_labels)
    volume = volume[box]
    voxel_ml = abs(float(np.linalg.det(np.asarray(affine, dtype=float)[:3, :3]))) / 1000
    sizes = count_in_lungs(volume != 0, box, lungs)[:, 1]
    sizes = sizes * usable_lungs(*sizes.tolist())
    found = {}
    for name, value in values.items():
        own = volume == value
        in_lungs = count_in_lungs(own, box, lungs)[:, 0]
        right, left = (_percent(int(part), int(size)) for part, size in zip(in_lungs, sizes, strict=True))
        volume_ml = int(own.sum()) * voxel_ml
        found[name] = ClassStatistics(volume_ml, _percent(int(own.sum()), int(np.count_nonzero(volume))), right, left)
    return found


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
