"""Statistics of each lesion class of one scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from infnet_monai.inference.statistics import measure_lesions

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
    lesion = measure_lesions(volume, affine, lung_labels)
    found = {}
    for name, value in values.items():
        own = measure_lesions(volume == value, affine, lung_labels)
        found[name] = ClassStatistics(
            own.lesion_volume_ml,
            _percent(own.lesion_volume_ml, lesion.lesion_volume_ml or None),
            _percent(
                _lesion_ml(own.lesion_percent_of_right_lung, own.right_lung_volume_ml), lesion.right_lung_volume_ml
            ),
            _percent(_lesion_ml(own.lesion_percent_of_left_lung, own.left_lung_volume_ml), lesion.left_lung_volume_ml),
        )
    return found


def _lesion_ml(percent: float | None, lung_ml: float | None) -> float | None:
    return None if percent is None or lung_ml is None else percent / 100 * lung_ml


def _percent(part: float | None, whole: float | None) -> float | None:
    return None if part is None or whole is None else 100 * part / whole
