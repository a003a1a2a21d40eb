"""Lungs and chest cavity of a scan as items of their own, and the box around the lungs that scans are cropped to."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from torch import Tensor

from infnet_monai.lungs.chest_cavity import LUNG_SPACE
from infnet_monai.lungs.lung_mask import find_lungs
from infnet_monai.lungs.plausibility import lung_warnings
from infnet_monai.transforms.window import check_intensity, scan_intensity_kind

__all__ = ["LungMaskd", "LungRegion"]

MARGIN_MM = 10.0


class LungMaskd(MapTransform):
    """Add the lungs and the chest cavity of a scan, found by :func:`infnet_monai.lungs.find_lungs`.

    What is implausible about the lungs, e.g. that one is missing, becomes a sentence in ``meta["warnings"]`` of the
    image. Plain pictures (PNG, JPEG) have no spacing, which distinguishes lungs from bowel: none are looked for in
    them.

    Args:
        keys: Key of the image ``(1, H, W, D)``, oriented PLS, not windowed yet.
        lung_key: Key of the lungs to add: uint8 ``(1, H, W, D)`` on the image's grid, 0 elsewhere, 1 right lung, 2 left
            lung.
        chest_key: Key of the chest cavity to add: uint8 ``(1, H, W, D)`` on the same grid, 0 outside, 1 in its rim, 2
            in the space of the lungs.
        intensity: Kind of the intensities, see :func:`infnet_monai.transforms.lung_window`.
        enabled: Whether to look for lungs at all; if not, there are none.

    Raises:
        InputError: ``intensity`` is no legal value.
    """

    def __init__(
        self,
        keys: KeysCollection,
        lung_key: str = "lungs",
        chest_key: str = "chest",
        intensity: str = "auto",
        enabled: bool = True,
    ):
        super().__init__(keys)
        self.lung_key, self.chest_key = lung_key, chest_key
        self.intensity = check_intensity(intensity)
        self.enabled = enabled

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Set ``data[lung_key]`` and ``data[chest_key]``."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[self.lung_key], item[self.chest_key] = self._find(item[key])
        return item

    def _find(self, image: MetaTensor) -> tuple[MetaTensor, MetaTensor]:
        if not self.enabled or not image.meta.get("spacing_known", True):
            nothing = torch.zeros(image.shape, dtype=torch.uint8)
            return MetaTensor(nothing, affine=image.affine), MetaTensor(nothing.clone(), affine=image.affine)
        kind = scan_intensity_kind(image, self.intensity)
        lungs = find_lungs(image[0].numpy(), tuple(image.pixdim.tolist()), kind)
        voxel_ml = float(torch.linalg.det(image.affine[:3, :3]).abs()) / 1000
        warnings = lung_warnings(lungs.labels, voxel_ml)
        image.meta["warnings"] = list(dict.fromkeys([*image.meta.get("warnings", ()), *warnings]))
        labels, chest = (torch.from_numpy(found)[None] for found in (lungs.labels, lungs.chest))
        return MetaTensor(labels, affine=image.affine), MetaTensor(chest, affine=image.affine)


class LungRegion:
    """Box around the space of the lungs with a margin, as ``select_fn`` of MONAI's ``CropForegroundd``.

    The space of the lungs includes a lung, and bases, too dense to be found. Along the third axis the box leaves out
    the slices above and below. Nothing inside the box is taken away.

    Args:
        margin_mm: Width of the margin in mm.

    Example:
        >>> chest = MetaTensor(torch.zeros(1, 9, 9, 9), affine=torch.eye(4))
        >>> chest[0, 4, 3:5, 2] = 2
        >>> int(LungRegion(margin_mm=1)(chest).sum())  # 3 x 4 x 3
        36
    """

    def __init__(self, margin_mm: float = MARGIN_MM):
        self.margin_mm = margin_mm

    def __call__(self, chest: MetaTensor) -> Tensor:
        """Mark the box around what is 2 in the chest cavity in bool ``(1, H, W, D)``; all of the scan without lungs."""
        space = chest.as_tensor()[0].cpu().numpy() == LUNG_SPACE  # NumPy looks through it in a fraction of torch's time
        columns = space.any(axis=2)
        occupied = [columns.any(axis=1), columns.any(axis=0), space.any(axis=(0, 1))]
        if not columns.any():
            return torch.ones(chest.shape, dtype=torch.bool)
        region = torch.zeros(chest.shape, dtype=torch.bool)
        box = region[0]
        for axis, (mask, mm) in enumerate(zip(occupied, chest.pixdim.tolist(), strict=True)):
            margin = max(1, round(self.margin_mm / mm))
            first, last = np.flatnonzero(mask)[[0, -1]]
            start, end = max(0, int(first) - margin), min(len(mask), int(last) + 1 + margin)
            box = box.narrow(axis, start, end - start)
        box.fill_(True)
        return region
