"""Lungs of a chest CT: found by thresholds, labelled right and left; the box around them; the check of intensities."""

from infnet_monai.lungs.crop import LungMaskd, LungRegion
from infnet_monai.lungs.intensities import CheckIntensitiesd
from infnet_monai.lungs.lung_mask import LungMask, find_lungs

__all__ = ["CheckIntensitiesd", "LungMask", "LungMaskd", "LungRegion", "find_lungs"]
