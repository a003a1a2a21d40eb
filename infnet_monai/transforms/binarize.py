"""Probability maps to masks, without copies of whole scans."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import ensure_tuple_rep

__all__ = ["BinarizeMapd"]


class BinarizeMapd(MapTransform):
    """Replace a probability map by its mask and keep the map under a name of its own.

    MONAI's ``CopyItemsd``, ``AsDiscreted`` and ``CastToTyped`` give the same by way of two more volumes of float32.

    Args:
        keys: Keys of the probability maps ``(1, X, Y, Z)``, which become masks of uint8.
        names: Keys that the maps are kept under.
        threshold: Probability from which a voxel is 1.

    Example:
        >>> item = BinarizeMapd("pred", "probability")({"pred": MetaTensor(torch.tensor([0.4, 0.5]))})
        >>> item["pred"].tolist(), item["probability"].shape
        ([0, 1], torch.Size([2]))
    """

    def __init__(self, keys: KeysCollection, names: KeysCollection, threshold: float = 0.5):
        super().__init__(keys)
        self.names = ensure_tuple_rep(names, len(self.keys))
        self.threshold = threshold

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Set the mask and the map of each key."""
        item = dict(data)
        for key, name in self.key_iterator(item, self.names):
            probability = item[key]
            mask = (probability.as_tensor() >= self.threshold).to(torch.uint8)
            item[name] = probability
            item[key] = MetaTensor(mask, meta=dict(probability.meta), applied_operations=[])
        return item
