"""All findings of one scan under the names that they have in tables and records."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infnet_monai.findings.density import density_bands, high_opacity
from infnet_monai.findings.lobes import measure_lobes, severity_score
from infnet_monai.findings.periphery import percent_in_periphery
from infnet_monai.findings.region import LungRegion, find_region
from infnet_monai.findings.thirds import percent_of_thirds, zone_score

__all__ = ["Findings", "measure_findings"]

OUTSIDE_LOBES_PERCENT = 10.0


@dataclass(frozen=True)
class Findings:
    """What readers of chest CT want to know beside volumes; what is undefined is ``None``.

    Attributes:
        high_opacity_percent_of_lung: Lesion of -200 HU or more in % of both lungs (PHO); ``None`` where the scan is not
            in HU or one lung is unknown. Likewise ``high_opacity_percent_of_right_lung`` and ``..._left_lung``.
        lesion_percent_below_minus_700_hu: Fraction of all lesions in this band of density in %, likewise the next four;
            together 100. ``None`` where there is no lesion or the scan is not in HU.
        lesion_percent_of_right_upper_third: Lesion fraction of the upper third of the right lung's height in %,
            likewise the next five; ``None`` where the lung is unknown or has fewer than three slices.
        zone_score_0_to_24: Sum of the scores of these six zones, 0 to 4 each.
        lesion_percent_peripheral_20_mm: Fraction of the lesions within 20 mm of the lungs' outer surface in %.
        lung_percent_peripheral_20_mm: Fraction of the lungs within 20 mm of their outer surface in %, which is what
            evenly spread lesions would have.
        lesion_percent_of_right_upper_lobe: Lesion fraction of a lobe in %, likewise the next four; ``None`` where no
            lobes were given.
        ct_severity_score_0_to_25: Sum of the scores of the five lobes, 0 to 5 each.
        lesion_percent_outside_lobes: Fraction of the lesions that the given lobes leave out in %.
    """

    high_opacity_percent_of_lung: float | None = None
    high_opacity_percent_of_right_lung: float | None = None
    high_opacity_percent_of_left_lung: float | None = None
    lesion_percent_below_minus_700_hu: float | None = None
    lesion_percent_minus_700_to_minus_500_hu: float | None = None
    lesion_percent_minus_500_to_minus_200_hu: float | None = None
    lesion_percent_minus_200_to_50_hu: float | None = None
    lesion_percent_from_50_hu: float | None = None
    lesion_percent_of_right_upper_third: float | None = None
    lesion_percent_of_right_middle_third: float | None = None
    lesion_percent_of_right_lower_third: float | None = None
    lesion_percent_of_left_upper_third: float | None = None
    lesion_percent_of_left_middle_third: float | None = None
    lesion_percent_of_left_lower_third: float | None = None
    zone_score_0_to_24: int | None = None
    lesion_percent_peripheral_20_mm: float | None = None
    lung_percent_peripheral_20_mm: float | None = None
    lesion_percent_of_right_upper_lobe: float | None = None
    lesion_percent_of_right_middle_lobe: float | None = None
    lesion_percent_of_right_lower_lobe: float | None = None
    lesion_percent_of_left_upper_lobe: float | None = None
    lesion_percent_of_left_lower_lobe: float | None = None
    ct_severity_score_0_to_25: int | None = None
    lesion_percent_outside_lobes: float | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know of them, one sentence each."""
        outside = self.lesion_percent_outside_lobes
        if outside is None or outside <= OUTSIDE_LOBES_PERCENT:
            return ()
        return (f"{outside:.0f} % of the lesions are outside the given lobes and were counted for the nearest ones",)

    def as_dict(self) -> dict[str, float | int | None]:
        """Return plain values for JSON and CSV; fractions to 0.001 %."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}


def measure_findings(
    lesions: ArrayLike,
    spacing_mm: tuple[float, float, float],
    lung_labels: ArrayLike | None = None,
    image_hu: ArrayLike | None = None,
    lobes: ArrayLike | None = None,
) -> Findings:
    """Measure what readers of chest CT want to know beside volumes.

    Args:
        lesions: Lesion mask ``(H, W, D)``, not zero in lesions; axis 0 runs towards posterior, axis 1 from right to
            left, axis 2 upwards over the slices.
        spacing_mm: Size of a voxel along these axes.
        lung_labels: Lungs ``(H, W, D)``, 1 in the right and 2 in the left one; ``None`` or empty where none are known.
        image_hu: Intensities ``(H, W, D)`` where they are HU.
        lobes: Lobes ``(H, W, D)``, 1 to 5 in the order of :data:`infnet_monai.findings.LOBES`; ``None`` where none are
            given.

    Returns:
        The findings.
    """
    mask = np.asarray(lesions)
    region = find_region(mask, None if lung_labels is None else np.asarray(lung_labels))
    if region is None:
        return Findings()
    values = _density(region, image_hu)
    thirds = percent_of_thirds(region)
    values += [*thirds, zone_score(thirds), *percent_in_periphery(region, mask.shape, spacing_mm)]
    if lobes is not None:
        fractions = measure_lobes(region, np.asarray(lobes), spacing_mm)
        values += [*fractions.percents, severity_score(fractions.percents), fractions.outside_percent]
    return Findings(*values)


def _density(region: LungRegion, image_hu: ArrayLike | None) -> list[Any]:
    """Return high opacity of both lungs and each, then the bands."""
    if image_hu is None:
        return [None] * 8
    lesion_hu: NDArray = np.asarray(image_hu)[region.box][region.voxels]
    return [*high_opacity(region, lesion_hu), *density_bands(lesion_hu)]
