"""Lesions outside the chest are taken away: a mask and its probability map are kept in the chest cavity only."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Orientation

__all__ = ["REMOVED_ML", "KeepInChestd"]

SLAB = 32
REMOVED_ML = "removed_outside_chest_ml"


class KeepInChestd(MapTransform):
    """Set to 0 what is outside the chest cavity that :class:`infnet_monai.lungs.LungMaskd` has found.

    Where no lungs were found or sought, nothing is taken away. Each volume's ``meta["removed_outside_chest_ml"]`` says
    how much of what was not 0 has been removed, ``None`` without lungs.

    Args:
        keys: Keys of the volumes ``(1, X, Y, Z)`` on the voxels of the scan, e.g. mask and probability map; the map is
            treated alike so that its threshold gives the mask.
        chest_key: Key of the chest cavity ``(1, H, W, D)``, not 0 inside, on the same voxels in any orientation.
    """

    def __init__(self, keys: KeysCollection, chest_key: str = "chest"):
        super().__init__(keys)
        self.chest_key = chest_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Change each volume in place."""
        item = dict(data)
        chest = item.get(self.chest_key)
        for key in self.key_iterator(item):
            volume = item[key]
            if chest is None or not chest.any():
                volume.meta[REMOVED_ML] = None
                continue
            axes = "".join(nib.aff2axcodes(volume.affine))
            inside = torch.as_tensor(Orientation(axcodes=axes, labels=None)(chest)).to(volume.device) > 0
            before = _count(volume)
            voxel_ml = float(torch.linalg.det(volume.affine[:3, :3].double()).abs()) / 1000
            voxels = volume.as_tensor()
            for start in range(0, voxels.shape[-1], SLAB):  # in place, where torch would convert the mask as a whole
                voxels[..., start : start + SLAB] *= inside[..., start : start + SLAB]
            volume.meta[REMOVED_ML] = (before - _count(volume)) * voxel_ml
        return item


def _count(volume: Any) -> int:
    """Voxels that are not 0, by NumPy, which does not depend on the order of the axes in memory."""
    return int(np.count_nonzero(volume.detach().cpu().numpy()))
