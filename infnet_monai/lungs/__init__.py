"""Lungs of a chest CT, with sides, chest cavity and the box around them; the check of intensities by them."""

from typing import TYPE_CHECKING

from infnet_monai.lazy_exports import import_at_first_use

if TYPE_CHECKING:
    from infnet_monai.lungs.chest_cavity import find_chest_cavity
    from infnet_monai.lungs.crop import LungMaskd, LungRegion
    from infnet_monai.lungs.intensities import CheckIntensitiesd
    from infnet_monai.lungs.keep_in_chest import KeepInChestd
    from infnet_monai.lungs.lung_mask import LungMask, find_lungs
    from infnet_monai.lungs.plausibility import lung_warnings, usable_lungs

__all__ = [
    "CheckIntensitiesd",
    "KeepInChestd",
    "LungMask",
    "LungMaskd",
    "LungRegion",
    "find_chest_cavity",
    "find_lungs",
    "lung_warnings",
    "usable_lungs",
]

__getattr__ = import_at_first_use(__name__)
