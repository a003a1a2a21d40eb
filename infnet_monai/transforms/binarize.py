"""Probability maps to masks and label volumes, without copies of whole scans."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import ensure_tuple_rep
from torch import Tensor

from infnet_monai.errors import InputError
from infnet_monai.label_scheme import BINARY, LabelScheme

__all__ = ["BinarizeMapd"]


class BinarizeMapd(MapTransform):
    """Replace the probability maps of the classes by one label volume and keep the maps under a name of their own.

    A voxel gets the value of the class with the highest probability where that reaches the threshold, else 0; so
    classes never overlap. Where probabilities tie, the earlier class wins. For a single class, MONAI's ``CopyItemsd``,
    ``AsDiscreted`` and ``CastToTyped`` give the same by way of two more volumes of float32.

    Args:
        keys: Keys of the probability maps ``(C, X, Y, Z)``, which become label volumes ``(1, X, Y, Z)`` of uint8.
        names: Keys that the maps are kept under.
        threshold: Probability from which a voxel is lesion.
        scheme: The C classes.

    Raises:
        InputError: The maps have another number of channels than the scheme has classes.

    Example:
        >>> item = BinarizeMapd("pred", "probability")({"pred": MetaTensor(torch.tensor([0.4, 0.5]))})
        >>> item["pred"].tolist(), item["probability"].shape
        ([0, 1], torch.Size([2]))
    """

    def __init__(
        self, keys: KeysCollection, names: KeysCollection, threshold: float = 0.5, scheme: LabelScheme = BINARY
    ):
        super().__init__(keys)
        self.scheme = scheme
        self.names = ensure_tuple_rep(names, len(self.keys))
        self.threshold = threshold

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Set the mask and the map of each key."""
        item = dict(data)
        for key, name in self.key_iterator(item, self.names):
            probability = item[key]
            mask = self._labels(probability.as_tensor())
            item[name] = probability
            item[key] = MetaTensor(mask, meta=dict(probability.meta), applied_operations=[])
        return item

    def _labels(self, probability: Tensor) -> Tensor:
        if self.scheme.is_single:
            return (probability >= self.threshold).to(torch.uint8)
        if len(probability) != len(self.scheme):
            names = ", ".join(one.name for one in self.scheme)
            raise InputError(
                f"the network gives {len(probability)} maps, but there are {len(self.scheme)} classes ({names})"
            )
        labels = torch.zeros_like(probability[:1], dtype=torch.uint8)
        highest = torch.full_like(probability[:1], self.threshold, dtype=torch.float32)
        for order, one in enumerate(self.scheme):
            own = probability[order : order + 1]
            wins = (own > highest) | ((own == highest) & (labels == 0))
            labels[wins] = one.value
            torch.maximum(highest, own, out=highest)
        return labels
