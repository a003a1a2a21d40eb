"""Rules for the slices of a volume that a ``SliceDataset`` keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor

__all__ = ["AllSlices", "LesionSlices", "SliceSampler"]


class SliceSampler(ABC):
    """A rule for choosing slices; a new rule is one subclass, given to :class:`SliceDataset` as ``sampler``.

    Example:
        >>> import torch
        >>> class EverySecond(SliceSampler):
        ...     def choose(self, volume):
        ...         return range(0, len(volume["image"]), 2)
        >>> list(EverySecond().choose({"image": torch.zeros(5, 1, 8, 8)}))
        [0, 2, 4]
    """

    @abstractmethod
    def choose(self, volume: Mapping[str, Tensor]) -> Sequence[int]:
        """Choose slices of one volume.

        Args:
            volume: Tensors ``(D, C, H, W)`` by key, as the volume transform of the dataset gives them.

        Returns:
            Positions of the slices to keep, in [0, D); a position that is named twice is two items of the dataset.
        """


class AllSlices(SliceSampler):
    """Keep every slice.

    Example:
        >>> import torch
        >>> list(AllSlices().choose({"image": torch.zeros(3, 1, 8, 8)}))
        [0, 1, 2]
    """

    def choose(self, volume: Mapping[str, Tensor]) -> Sequence[int]:
        """Choose all slices; see :class:`SliceSampler`."""
        return range(len(next(iter(volume.values()))))


class LesionSlices(SliceSampler):
    """Keep the slices with lesion, as the report of Yildizhan (2020) does for training.

    Args:
        label_key: Key of the lesion mask, 0 where there is no lesion.

    Example:
        >>> import torch
        >>> label = torch.zeros(3, 1, 8, 8)
        >>> label[1, 0, 4, 4] = 1
        >>> LesionSlices().choose({"label": label})
        [1]
    """

    def __init__(self, label_key: str = "label"):
        self.label_key = label_key

    def choose(self, volume: Mapping[str, Tensor]) -> Sequence[int]:
        """Choose the slices whose mask is not empty; see :class:`SliceSampler`."""
        return volume[self.label_key].flatten(1).any(dim=1).nonzero().flatten().tolist()
