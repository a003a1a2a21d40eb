"""Whether the lungs that were found can be all of both lungs, in sentences for a user and as a rule for statistics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infnet_monai.lungs.sides import LEFT, RIGHT

__all__ = ["lung_warnings", "usable_lungs"]

SMALLEST_ML = 1000.0  # both lungs of an adult after breathing out as far as possible (residual volume) hold about this
LARGEST_ML = 10_000.0  # both lungs of a tall man hold 6 to 8 l, with emphysema some more
LARGEST_RATIO = 3.0  # the right lung is about 1.15 times the left one; beyond this a lobe or more is missing
END_FRACTION = 0.05  # a lung that ends in the scan has less than this of its largest area in its last slice
SIDES = {RIGHT: "right", LEFT: "left"}


def usable_lungs(right: float, left: float) -> tuple[bool, bool]:
    """Say of which lung a volume and a lesion fraction can be given.

    Args:
        right: Volume of the right lung, in any unit; 0 where it was not found.
        left: Volume of the left lung in the same unit.

    Returns:
        Whether the right and whether the left lung is there, and not so much smaller than the other one that most of it
        was missed.

    Example:
        >>> usable_lungs(2331, 28), usable_lungs(2331, 2000), usable_lungs(0, 2000)
        ((True, False), (True, True), (False, True))
    """
    return right > 0 and right * LARGEST_RATIO >= left, left > 0 and left * LARGEST_RATIO >= right


def lung_warnings(labels: NDArray[np.uint8], voxel_ml: float) -> list[str]:
    """Say what is implausible about the lungs of a scan.

    Args:
        labels: Lungs ``(H, W, D)``, 1 in the right and 2 in the left one, slices along the third axis.
        voxel_ml: Volume of a voxel in ml.

    Returns:
        One sentence for each finding; none where no lungs were found, which is for the caller to say.
    """
    areas = np.stack([(labels == side).sum(axis=(0, 1)) for side in SIDES])
    right_ml, left_ml = (float(area.sum()) * voxel_ml for area in areas)
    if not areas.any():
        return []
    return [*_side_warnings(right_ml, left_ml), *_volume_warnings(right_ml + left_ml, areas.sum(axis=0))]


def _side_warnings(right_ml: float, left_ml: float) -> list[str]:
    usable = usable_lungs(right_ml, left_ml)
    if all(usable):
        return []
    seen, missed = ("right", "left") if usable[0] else ("left", "right")
    small_ml, large_ml = sorted((right_ml, left_ml))
    found = "was not found" if not small_ml else f"was found only in part ({small_ml:.0f} ml, the other {large_ml:.0f})"
    return [
        f"the {missed} lung {found}: consolidation or effusion of most of it, a lung that was taken out, or a cut "
        f"field of view; volumes and fractions of it and of both lungs are left out where lesions do not fill it, "
        f"those of the {seen} lung stay"
    ]


def _volume_warnings(both_ml: float, areas: NDArray[np.int64]) -> list[str]:
    ends = [end for end, area in (("lowest", areas[0]), ("highest", areas[-1])) if area > END_FRACTION * areas.max()]
    warnings = []
    if ends:
        warnings.append(
            f"the scan does not cover the whole lungs: they reach its {' and its '.join(ends)} slice; volumes and "
            "fractions are those of the part in the scan"
        )
    elif both_ml < SMALLEST_ML:
        warnings.append(
            f"the lungs have only {both_ml:.0f} ml (adults: above {SMALLEST_ML:.0f}): a child, a cut field of view, or "
            "much consolidation that was not taken for lung"
        )
    if both_ml > LARGEST_ML:
        warnings.append(
            f"the lungs have {both_ml:.0f} ml (adults: below {LARGEST_ML:.0f}): voxel size or lung mask are wrong"
        )
    return warnings
