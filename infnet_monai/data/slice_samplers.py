"""Rules for the slices of a volume that a ``SliceDataset`` keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from infnet_monai.errors import InputError

__all__ = ["AllSlices", "LesionAndEmptySlices", "LesionSlices", "SliceSampler"]


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


class LesionAndEmptySlices(SliceSampler):
    """Keep the slices with lesion and some of those without, spread evenly over the volume.

    The volumes that a bundle trains on end 10 mm above and below the lungs, as those do that it segments: what is left
    without lesion shows lung, or what surrounds it, and is what the network must learn to leave alone.

    Args:
        ratio: Slices without lesion to keep for each slice with lesion.
        at_least: Slices without lesion to keep of a volume with fewer or no slices with lesion, e.g. of a healthy
            person.
        label_key: Key of the lesion mask, 0 where there is no lesion.

    Raises:
        InputError: ``ratio`` or ``at_least`` is negative.

    Example:
        >>> import torch
        >>> label = torch.zeros(9, 1, 8, 8)
        >>> label[3:5, 0, 4, 4] = 1
        >>> LesionAndEmptySlices(ratio=1.5, at_least=1).choose({"label": label})
        [0, 3, 4, 5, 8]
    """

    def __init__(self, ratio: float = 0.5, at_least: int = 8, label_key: str = "label"):
        if ratio < 0 or at_least < 0:
            raise InputError(f"ratio {ratio}, at_least {at_least}: expected numbers of slices, not below 0")
        self.ratio = ratio
        self.at_least = at_least
        self.label_key = label_key

    def choose(self, volume: Mapping[str, Tensor]) -> Sequence[int]:
        """Choose all slices with lesion and some without; see :class:`SliceSampler`."""
        has_lesion = volume[self.label_key].flatten(1).any(dim=1).bool()  # any() of uint8 is uint8
        lesion, empty = has_lesion.nonzero().flatten(), (~has_lesion).nonzero().flatten()
        wanted = min(len(empty), max(self.at_least, round(self.ratio * len(lesion))))
        spread = torch.linspace(0, len(empty) - 1, wanted).round().long() if wanted > 1 else [len(empty) // 2] * wanted
        return sorted([*lesion.tolist(), *empty[spread].tolist()])
