"""Neighbouring slices as channels, so that a 2D network sees what continues above and below (2.5D)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

from infnet_monai.errors import InputError

__all__ = ["NeighbourSlicesd", "neighbour_step"]

LARGEST_EXCESS = 1.5


def neighbour_step(distance_mm: float, spacing_mm: float) -> int:
    """Return how many slices further the neighbour at a distance is.

    Args:
        distance_mm: Wanted distance in mm.
        spacing_mm: Distance between slices in mm.

    Returns:
        The number of slices whose distance is nearest, at least 1; 0 where even the next slice is further away than 1.5
        times the distance.

    Example:
        >>> [neighbour_step(5, spacing_mm) for spacing_mm in (1, 1.25, 3, 5, 7.5, 8)]
        [5, 4, 2, 1, 1, 0]
    """
    if spacing_mm > LARGEST_EXCESS * distance_mm:
        return 0
    return max(1, round(distance_mm / spacing_mm))


class NeighbourSlicesd(MapTransform):
    """Give each slice three channels: the slice below at a distance, itself, and the slice above.

    The distance is in mm, so that thin and thick slices show the same anatomy. Where there is no such slice, the slice
    itself stands in (thick slices), or the last one of the volume. A picture is repeated.

    Args:
        keys: Keys of the volumes ``(1, H, W, D)``, oriented so that D runs upwards.
        distance_mm: Distance of the neighbours in mm; 0 leaves volumes as they are.

    Raises:
        InputError: The distance is negative or no number.

    Example:
        >>> from monai.data import MetaTensor
        >>> volume = MetaTensor(torch.arange(4.0).reshape(1, 1, 1, 4), affine=torch.diag(torch.tensor([1.0, 1, 5, 1])))
        >>> NeighbourSlicesd("image", distance_mm=5)({"image": volume})["image"].squeeze().tolist()
        [[0.0, 0.0, 1.0, 2.0], [0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 3.0]]
    """

    def __init__(self, keys: KeysCollection, distance_mm: float):
        super().__init__(keys)
        if isinstance(distance_mm, bool) or not isinstance(distance_mm, int | float) or distance_mm < 0:
            raise InputError(f"neighbour_mm {distance_mm!r}: expected a distance in mm, e.g. 5, or 0 for none")
        self.distance_mm = float(distance_mm)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace each volume by one of three channels ``(3, H, W, D)``."""
        item = dict(data)
        if self.distance_mm == 0:
            return item
        for key in self.key_iterator(item):
            volume = item[key]
            depth = volume.shape[-1]
            step = neighbour_step(self.distance_mm, float(volume.pixdim[-1])) if depth > 1 else 0
            places = torch.arange(depth)
            below, above = (places - step).clamp(min=0), (places + step).clamp(max=depth - 1)
            item[key] = torch.cat([volume[..., below], volume, volume[..., above]])
        return item
