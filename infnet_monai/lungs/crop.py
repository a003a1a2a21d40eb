"""Lungs of a scan as an item of its own, and the box around them that scans are cropped to."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, generate_spatial_bounding_box
from torch import Tensor

from infnet_monai.lungs.lung_mask import find_lungs
from infnet_monai.transforms.window import check_intensity, scan_intensity_kind

__all__ = ["LungMaskd", "LungRegion"]

MARGIN_MM = 10.0


class LungMaskd(MapTransform):
    """Add the lungs of a scan, found by :func:`infnet_monai.lungs.find_lungs`.

    Plain pictures (PNG, JPEG) have no spacing, which distinguishes lungs from bowel: none are looked for in them.

    Args:
        keys: Key of the image ``(1, H, W, D)``, oriented PLS, not windowed yet.
        lung_key: Key of the lungs to add: uint8 ``(1, H, W, D)`` on the image's grid, 0 elsewhere, 1 right lung, 2 left
            lung.
        intensity: Kind of the intensities, see :func:`infnet_monai.transforms.lung_window`.
        enabled: Whether to look for lungs at all; if not, there are none.

    Raises:
        InputError: ``intensity`` is no legal value.
    """

    def __init__(self, keys: KeysCollection, lung_key: str = "lungs", intensity: str = "auto", enabled: bool = True):
        super().__init__(keys)
        self.lung_key = lung_key
        self.intensity = check_intensity(intensity)
        self.enabled = enabled

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Set ``data[lung_key]``."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[self.lung_key] = self._find(item[key])
        return item

    def _find(self, image: MetaTensor) -> MetaTensor:
        if self.enabled and image.meta.get("spacing_known", True):
            spacing_mm = tuple(image.pixdim.tolist())
            kind = scan_intensity_kind(image, self.intensity)
            labels = torch.from_numpy(find_lungs(image[0].numpy(), spacing_mm, kind).labels)[None]
        else:
            labels = torch.zeros(image.shape, dtype=torch.uint8)
        return MetaTensor(labels, affine=image.affine)


class LungRegion:
    """Box around the lungs with a margin, as ``select_fn`` of MONAI's ``CropForegroundd``.

    Along the third axis the box leaves out the slices above and below the lungs. A lung with a hole, or consolidation
    that the lung mask leaves out, stays whole: nothing inside the box is taken away.

    Args:
        margin_mm: Width of the margin around the lungs in mm.

    Example:
        >>> lungs = MetaTensor(torch.zeros(1, 9, 9, 9), affine=torch.eye(4))
        >>> lungs[0, 4, 3:5, 2] = 1
        >>> int(LungRegion(margin_mm=1)(lungs).sum())  # 3 x 4 x 3
        36
    """

    def __init__(self, margin_mm: float = MARGIN_MM):
        self.margin_mm = margin_mm

    def __call__(self, lungs: MetaTensor) -> Tensor:
        """Mark the box in bool ``(1, H, W, D)``; all of the scan where there are no lungs."""
        region = torch.zeros(lungs.shape, dtype=torch.bool)
        if not lungs.any():
            return ~region
        margin = [max(1, round(self.margin_mm / mm)) for mm in lungs.pixdim.tolist()]
        start, end = generate_spatial_bounding_box(lungs.as_tensor(), margin=margin, allow_smaller=True)
        region[(slice(None), *(slice(max(0, first), last) for first, last in zip(start, end, strict=True)))] = True
        return region
