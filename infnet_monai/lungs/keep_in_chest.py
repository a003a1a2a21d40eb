"""Lesions outside the chest are taken away: a mask and its probability map are kept in the chest cavity only."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import nibabel as nib
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Orientation
from torch import Tensor

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
            inside = torch.as_tensor(Orientation(axcodes=axes, labels=None)(chest)).to(volume.device)
            voxel_ml = float(torch.linalg.det(volume.affine[:3, :3].double()).abs()) / 1000
            volume.meta[REMOVED_ML] = _clear_outside(volume.as_tensor(), inside) * voxel_ml
        return item


def _clear_outside(voxels: Tensor, inside: Tensor) -> int:
    """Set to 0 in place what is 0 in ``inside``; return how many voxels were not 0 before.

    By slabs that are whole in memory, since torch would convert the mask as a whole and is slow across the order.
    """
    axis = max(range(1, voxels.ndim), key=voxels.stride)
    removed = 0
    for start in range(0, voxels.shape[axis], SLAB):
        length = min(SLAB, voxels.shape[axis] - start)
        slab, kept = voxels.narrow(axis, start, length), inside.narrow(axis, start, length)
        outside = kept == 0
        removed += int(torch.count_nonzero((slab != 0) & outside))
        slab.masked_fill_(outside, 0)
    return removed
