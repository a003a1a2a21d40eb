"""Unlabelled slices for training by consistency: read once, kept small, dealt out in an endless order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch
from monai.data import DataLoader
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from infnet_monai.data import case_name
from infnet_monai.errors import InputError, unwrapped_input_errors
from infnet_monai.scans.load import PICTURE_SUFFIXES, UPRIGHT, VOLUME_SUFFIXES
from infnet_monai.semi.picture_axes import axes_of_pictures
from infnet_monai.semi.unlabelled import check_unlabelled, find_unlabelled, is_picture

__all__ = ["UnlabelledBatches", "UnlabelledSlices"]


class UnlabelledSlices(Dataset):
    """Slices of the pictures and volumes in a folder, preprocessed once and kept as 8-bit grey levels.

    A slice of 352 x 352 pixels takes 0.12 MB. Grey levels are exact to 1/510 of the lung window, 3 HU.

    Args:
        folder: Folder with pictures (PNG, JPEG, BMP) or volumes (NIfTI, NRRD, MetaImage); folders in it are not
            looked into.
        preprocessing: From ``{"image": path, "axes": ...}`` to an image ``(1, H, W, D)`` in [0, 1], of the same H and
            W for all.
        labelled: Items of the labelled data: none of them may be among the unlabelled ones.
        transform: Applied to each slice whenever it is fetched.
        axes: Where rows and columns of pictures run to, where not as in the labelled ones: rules of
            :func:`infnet_monai.semi.picture_axes.axes_of_pictures`, or a single rule.
        intensity: Kind of intensities, see :func:`infnet_monai.transforms.lung_window`.
        slices_per_volume: Largest number of slices kept of a volume, evenly spread; None for all.
        progress: Show a progress bar while they are read.

    Attributes:
        data: The items that were read.

    Raises:
        InputError: There is no folder, or nothing in it; a file cannot be used or is one of the labelled ones; a rule
            for the axes does not fit.
    """

    def __init__(
        self,
        folder: str | Path | None,
        preprocessing: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        labelled: Sequence[Mapping[str, Any]] = (),
        transform: Callable[[Any], Any] | None = None,
        axes: str | Sequence[str] = (),
        intensity: str = "auto",
        slices_per_volume: int | None = None,
        progress: bool = False,
    ):
        if folder is None:
            raise InputError(
                "unlabelled_dir is not given: name a folder with unlabelled slices, --unlabelled_dir FOLDER"
            )
        if slices_per_volume is not None and slices_per_volume < 1:
            raise InputError(f"slices_per_volume {slices_per_volume}: expected at least 1, or null for all")
        paths = find_unlabelled(str(folder), PICTURE_SUFFIXES + VOLUME_SUFFIXES)
        pictures = [path for path in paths if is_picture(path)]
        rules = [axes] if isinstance(axes, str) else axes
        found = axes_of_pictures(pictures, rules, labelled) if pictures else {}
        self.data = [{"image": str(path), "axes": found.get(path, UPRIGHT)} for path in paths]
        check_unlabelled(self.data, labelled, intensity)
        self.transform = transform
        self._read(preprocessing, slices_per_volume, progress)

    def _read(self, preprocessing: Callable[..., Any], at_most: int | None, progress: bool) -> None:
        stacks: list[Tensor] = []
        self._origins: list[tuple[str, int]] = []
        for item in tqdm(self.data, desc="Reading unlabelled slices", unit="file", disable=not progress):
            with unwrapped_input_errors():
                image = torch.as_tensor(preprocessing(item)["image"]).movedim(-1, 0)
            kept = _evenly_spread(len(image), at_most)
            stacks.append((image[kept] * 255).round().to(torch.uint8))
            self._origins += [(case_name(item["image"]), row) for row in kept]
        self._slices = torch.cat(stacks)

    def __len__(self) -> int:
        return len(self._origins)

    def __getitem__(self, position: int) -> dict[str, Any]:
        case, row = self._origins[position]
        item = {"image": self._slices[position].float() / 255, "case": case, "slice": row}
        return self.transform(item) if self.transform is not None else item


def _evenly_spread(count: int, at_most: int | None) -> list[int]:
    """Rows in the middle of as many equal parts of a volume as slices are kept."""
    kept = min(count, at_most or count)
    return [int((part + 0.5) * count / kept) for part in range(kept)]


class UnlabelledBatches:
    """Batches of unlabelled slices without an end: all slices in a random order, then all in another one.

    What a step gets follows from the seed and the number of steps before it alone, so that a resumed training sees
    the batches of an undisturbed one. Ranks divide the slices of a step among them.

    Args:
        dataset: The slices.
        batch_size: Unlabelled slices in a step of a rank.
        seed: Seed of the order.
        num_workers: Processes that prepare slices; 0 for this one.

    Raises:
        InputError: The batch size is below 1.

    Example:
        >>> batches = UnlabelledBatches(["a", "b", "c"], batch_size=2)
        >>> [len(set(batches.positions(0) + batches.positions(1)[:1])), len(batches.positions(7))]
        [3, 2]
    """

    def __init__(self, dataset: Any, batch_size: int, seed: int = 0, num_workers: int = 0):
        if batch_size < 1:
            raise InputError(f"unlabelled_batch {batch_size}: expected at least 1")
        self.dataset = dataset
        self.batch_size = batch_size
        self.seed = seed
        self.num_workers = num_workers

    def __call__(self, first_step: int, steps: int, seed: int) -> Iterator[Mapping[str, Any]]:
        """Yield the batches of some steps.

        Args:
            first_step: Number of the steps before.
            steps: Number of batches.
            seed: Seed of the random transforms.
        """
        loader = DataLoader(
            self.dataset,
            num_workers=self.num_workers,
            batch_sampler=[self.positions(step) for step in range(first_step, first_step + steps)],
            generator=torch.Generator().manual_seed(seed),
        )
        return iter(loader)

    def positions(self, step: int) -> list[int]:
        """Positions in the dataset of the slices of a step, of this rank."""
        first = (step * idist.get_world_size() + idist.get_rank()) * self.batch_size
        return [self._position(number) for number in range(first, first + self.batch_size)]

    def _position(self, number: int) -> int:
        lap, place = divmod(number, len(self.dataset))
        return int(self._order(lap)[place])

    def _order(self, lap: int) -> NDArray[np.intp]:
        return np.random.default_rng([self.seed, lap]).permutation(len(self.dataset))
