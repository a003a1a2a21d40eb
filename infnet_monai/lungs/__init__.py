"""Lungs of a chest CT: found by thresholds, labelled right and left, and the box that scans are cropped to."""

from infnet_monai.lungs.crop import LungMaskd, LungRegion
from infnet_monai.lungs.lung_mask import LungMask, find_lungs

__all__ = ["LungMask", "LungMaskd", "LungRegion", "find_lungs"]
