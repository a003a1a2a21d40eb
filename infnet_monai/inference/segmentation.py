"""The lesions of one scan with what belongs to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Orientation
from numpy.typing import ArrayLike, NDArray

from infnet_monai.inference.statistics import LesionStatistics, measure_lesions
from infnet_monai.transforms.load import SLICE_AXES

__all__ = ["Segmentation", "turned"]


def turned(volume: MetaTensor, axes: str) -> MetaTensor:
    """Turn a volume ``(1, X, Y, Z)`` so that its axes run to the named sides, e.g. ``"PLS"``."""
    return cast(MetaTensor, Orientation(axcodes=axes, labels=None)(volume))


@dataclass(frozen=True)
class Segmentation:
    """The lesions of one scan, on the voxels of that scan.

    Attributes:
        mask: uint8 ``(X, Y, Z)``, 1 in lesions, 0 elsewhere.
        probability: float32 ``(X, Y, Z)`` in [0, 1]; 0 outside the box around the lungs.
        lungs: uint8 ``(X, Y, Z)``, 1 in the right and 2 in the left lung; zeros where none were found or sought.
        affine: Voxel index to mm in RAS+, (4, 4).
        upright_image: The scan's own intensities ``(1, H, W, D)``, turned so that slices stand upright.
        intensity: What these are: ``"hu"``, ``"grey"`` or ``"unit"``.
        warnings: What a user should know of this scan, one sentence each.
    """

    mask: NDArray[np.uint8]
    probability: NDArray[np.float32]
    lungs: NDArray[np.uint8]
    affine: NDArray[np.float64]
    upright_image: MetaTensor
    intensity: str
    warnings: tuple[str, ...] = ()

    @cached_property
    def statistics(self) -> LesionStatistics:
        """Volumes and shares of lesions and lungs."""
        image_hu = self.upright_image[0].numpy() if self.intensity == "hu" else None
        return measure_lesions(self.upright_mask, self.affine, self.upright_lungs, image_hu)

    @cached_property
    def upright_mask(self) -> NDArray[np.uint8]:
        """The mask on the voxels ``(H, W, D)`` of ``upright_image``."""
        return self.upright(self.mask)

    @cached_property
    def upright_lungs(self) -> NDArray[np.uint8]:
        """The lungs on the voxels ``(H, W, D)`` of ``upright_image``."""
        return self.upright(self.lungs)

    def upright(self, volume: ArrayLike) -> NDArray:
        """Turn a volume ``(X, Y, Z)`` such as ``mask`` to the voxels ``(H, W, D)`` of ``upright_image``."""
        on_scan = MetaTensor(torch.as_tensor(np.asarray(volume))[None], affine=torch.as_tensor(self.affine))
        return turned(on_scan, SLICE_AXES)[0].numpy()
