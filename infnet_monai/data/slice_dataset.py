"""Map-style dataset of 2D slices, cut from volumes that are read and transformed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import torch
from monai.data import MetaTensor
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from infnet_monai.data.slice_cache import KeptSlices, SliceCache
from infnet_monai.data.slice_samplers import AllSlices, LesionSlices, SliceSampler
from infnet_monai.errors import InputError

__all__ = ["SliceDataset", "case_name", "case_of"]

LABEL = "label"


def case_name(path: str | Path) -> str:
    """Return a file's name without folder and suffix, the name of its case.

    Args:
        path: File of the case.

    Returns:
        The name.

    Example:
        >>> case_name("images/medseg_9.nii.gz")
        'medseg_9'
    """
    name = Path(path).name
    return name[: -len(".nii.gz")] if name.endswith(".nii.gz") else Path(name).stem


def case_of(item: Mapping[str, Any]) -> str:
    """Return the name of an item's case: its own ``case``, else the name of its image's file.

    Args:
        item: An item of a datalist, or the metadata of an image that :class:`infnet_monai.transforms.LoadScand` read.

    Returns:
        The name.

    Example:
        >>> case_of({"image": "patient_1/ct.nii.gz", "case": "patient_1"}), case_of({"image": "images/b.nii.gz"})
        ('patient_1', 'b')
    """
    return str(item.get("case") or case_name(item.get("image") or item["filename_or_obj"]))


class SliceDataset(Dataset):
    """Slices of volumes; the volumes are transformed once and their chosen slices kept in memory.

    Indices run over the slices of all volumes, so the ordinary shuffling, ``DistributedSampler`` and
    ``torch.utils.data.random_split`` work. A 352 x 352 slice takes 0.5 MB (image, float32) plus 0.12 MB (mask, uint8).

    An item with a ``weight`` of N is N items of the dataset for each of its slices, which are kept in memory once: a
    few cases of another kind can be seen as often as many.

    Args:
        data: Items with the paths of ``keys``, e.g. from :func:`infnet_monai.data.load_datalist`.
        transform: Applied once to each item; gives volumes ``(C, H, W, D)`` for ``keys``, equal in D.
        slice_transform: Applied to each slice whenever it is fetched: augmentation, normalisation.
        keys: Keys of the volumes that are cut into slices; a key that an item lacks is left out for it.
        sampler: Rule for the slices to keep; None for the one that ``positive_only`` names.
        positive_only: Keep the slices with lesion (:class:`LesionSlices`) instead of all (:class:`AllSlices`).
        progress: Show a progress bar while the volumes are read.
        cache_dir: Folder that keeps the slices in place of memory, see
            :class:`infnet_monai.data.slice_cache.SliceCache`; the items of the dataset are the same.

    Attributes:
        sampler: The rule in use.
        volumes: For each item its kept slices ``(N, C, H, W)`` by key.
        index: For each position of the dataset the volume, and the row of its kept slices.
        has_lesion: For each position whether the slice has a lesion; False without a ``label``.

    Raises:
        InputError: There are no items, no slice is left, a weight is no whole number from 1, or ``cache_dir`` cannot
            be used.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        slice_transform: Callable[[Any], Any] | None = None,
        keys: Sequence[str] = ("image", "label", "edge"),
        sampler: SliceSampler | None = None,
        positive_only: bool = False,
        progress: bool = False,
        cache_dir: str | Path | None = None,
    ):
        if not data:
            raise InputError("the data list is empty: give at least one image with its label.")
        self.transform = transform
        self.slice_transform = slice_transform
        self.keys = tuple(keys)
        self.sampler = sampler or (LesionSlices() if positive_only else AllSlices())
        self._cache = SliceCache(cache_dir, [transform, self.sampler, self.keys]) if cache_dir else None
        self._read(data, progress)
        if isinstance(self.sampler, LesionSlices) and not self.index:
            raise InputError("no slice with a lesion in the data list: check the labels or set positive_only to false.")
        if not self.index:
            raise InputError(f"{type(self.sampler).__name__} keeps no slice of the data list: choose another sampler.")

    def of_items(self, data: Sequence[Mapping[str, Any]]) -> SliceDataset:
        """Cut more items into slices, with the transforms and the rule of this dataset.

        Args:
            data: Items as for this dataset.

        Returns:
            Another dataset; empty where the rule keeps none of their slices.
        """
        other = copy(self)
        other._read(data, progress=False)
        return other

    def _read(self, data: Sequence[Mapping[str, Any]], progress: bool) -> None:
        self.data = list(data)
        self.cases = [case_of(item) for item in self.data]
        self.volumes: list[dict[str, Tensor]] = []
        self.index: list[tuple[int, int]] = []
        self.has_lesion: list[bool] = []
        self._slice_numbers: list[int] = []
        for item in tqdm(self.data, desc="Reading volumes", unit="volume", disable=not progress):
            slices = self._cache.get(item, partial(self._cut, item)) if self._cache else self._cut(item)
            kept, weight = slices.numbers, _weight_of(item)
            self.index += [(len(self.volumes), row) for row in range(len(kept))] * weight
            self._slice_numbers += kept * weight
            self.volumes.append(slices.tensors)
            self.has_lesion += _have_lesion(self.volumes[-1], len(kept)) * weight

    def _cut(self, item: Mapping[str, Any]) -> KeptSlices:
        transformed = self.transform(item)
        volume = {key: _slice_first(transformed[key]) for key in self.keys if key in transformed}
        kept = list(self.sampler.choose(volume))
        return KeptSlices(kept, {key: _kept_slices(stack, kept) for key, stack in volume.items()})

    def names(self) -> list[tuple[str, int]]:
        """Return the case and the number of the slice in its volume, for each position."""
        return [(self.cases[volume], self._slice_numbers[k]) for k, (volume, _) in enumerate(self.index)]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, position: int) -> dict[str, Any]:
        volume, row = self.index[position]
        item: dict[str, Any] = {key: stack[row] for key, stack in self.volumes[volume].items()}
        item["case"], item["slice"] = self.cases[volume], self._slice_numbers[position]
        return self.slice_transform(item) if self.slice_transform is not None else item


def _weight_of(item: Mapping[str, Any]) -> int:
    weight = item.get("weight", 1)
    if not isinstance(weight, int) or weight < 1:
        raise InputError(f"{case_of(item)}: weight {weight!r} is no whole number from 1; correct it in dataset.json")
    return weight


def _have_lesion(volume: Mapping[str, Tensor], length: int) -> list[bool]:
    return volume[LABEL].flatten(1).any(dim=1).bool().tolist() if LABEL in volume else [False] * length


def _slice_first(volume: Tensor) -> Tensor:
    tensor = volume.as_tensor() if isinstance(volume, MetaTensor) else torch.as_tensor(volume)
    return tensor.movedim(-1, 0)


def _kept_slices(stack: Tensor, kept: Sequence[int]) -> Tensor:
    """The kept slices in memory of their own, so that the rest of the volume is freed."""
    return stack.contiguous() if list(kept) == list(range(len(stack))) else stack[list(kept)].contiguous()
