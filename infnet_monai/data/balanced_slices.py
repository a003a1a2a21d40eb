"""Random order of a training's slices with a fixed fraction of slices with lesion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import ConcatDataset, DistributedSampler

from infnet_monai.data.slice_dataset import SliceDataset
from infnet_monai.errors import InputError

__all__ = ["BalancedSlices"]


class BalancedSlices(DistributedSampler):
    """Draw in each epoch a fixed number of slices with lesion and of slices without, in random order.

    Of either kind each slice is drawn equally often; where not all fit into an epoch, or some must be drawn once more
    than others, chance decides which. Where one kind is missing, as in data sets of single slices with lesion, the
    other fills the epoch. The order follows from seed and epoch alone, so that a resumed training has that of an
    undisturbed one. Several ranks divide it: what MONAI's trainer does for a ``DistributedSampler``, it does for this.

    Args:
        dataset: The slices, of one ``SliceDataset`` or several in a ``ConcatDataset``.
        lesion_fraction: Fraction of an epoch's slices that have a lesion, above 0 and at most 1.
        epoch_size: Slices in an epoch, over all ranks; by default as many as let each slice with lesion be drawn once,
            or all slices where none has a lesion.
        seed: Seed of the training.
        num_replicas: Number of ranks; by default those of the process group, 1 without one.
        rank: Number of this rank.

    Attributes:
        empty_weights: Weight of each slice without lesion in the draw of those that an epoch has room for, above 0;
            equal at first, see :class:`infnet_monai.handlers.HardNegatives`.

    Raises:
        InputError: ``lesion_fraction`` or ``epoch_size`` is out of range.

    Example:
        >>> import torch
        >>> from infnet_monai.data.slice_dataset import SliceDataset
        >>> label = torch.zeros(1, 8, 8, 9)
        >>> label[..., :4] = 1  # 4 slices with lesion, 5 without
        >>> dataset = SliceDataset([{"image": "a"}], lambda item: {"image": label, "label": label})
        >>> drawn = list(BalancedSlices(dataset, lesion_fraction=2 / 3))
        >>> len(drawn), sum(position < 4 for position in drawn)
        (6, 4)
    """

    def __init__(
        self,
        dataset: SliceDataset | ConcatDataset,
        lesion_fraction: float = 0.67,
        epoch_size: int | None = None,
        seed: int = 0,
        num_replicas: int | None = None,
        rank: int | None = None,
    ):
        if not 0 < lesion_fraction <= 1:
            raise InputError(f"lesion_fraction {lesion_fraction}: expected a fraction above 0 and at most 1, e.g. 0.67")
        ranks = idist.get_world_size() if num_replicas is None else num_replicas
        super().__init__(dataset, ranks, idist.get_rank() if rank is None else rank, seed=seed)
        has_lesion = torch.tensor(_have_lesion(dataset), dtype=torch.bool)
        self.lesion, self.empty = has_lesion.nonzero().flatten(), (~has_lesion).nonzero().flatten()
        self.empty_weights = torch.ones(len(self.empty))
        if epoch_size is None:
            fraction = lesion_fraction if len(self.empty) else 1
            epoch_size = round(len(self.lesion) / fraction) or len(self.empty)
        if epoch_size < ranks:
            raise InputError(f"epoch_size {epoch_size}: expected at least {ranks}, one slice for each rank")
        self.lesion_size = _lesion_size(epoch_size, lesion_fraction, len(self.lesion), len(self.empty))
        self.num_samples = epoch_size // ranks  # all ranks make the same number of steps
        self.total_size = epoch_size

    def empty_names(self) -> list[tuple[str, int]]:
        """Return case and slice number of each slice without lesion, in the order of ``empty_weights``."""
        names = _names(self.dataset)  # type: ignore[arg-type]
        return [names[position] for position in self.empty.tolist()]

    def __iter__(self) -> Iterator[int]:
        """Draw this rank's positions in the dataset for the epoch that ``set_epoch`` has named."""
        generator = Generator().manual_seed(_mix(self.seed, self.epoch))
        lesion = _draw(self.lesion, self.lesion_size, torch.ones(len(self.lesion)), generator)
        empty = _draw(self.empty, self.total_size - self.lesion_size, self.empty_weights, generator)
        drawn = torch.cat([lesion, empty])
        drawn = drawn[torch.randperm(len(drawn), generator=generator)]
        return iter(drawn[self.rank :: self.num_replicas][: self.num_samples].tolist())


def _have_lesion(dataset: SliceDataset | ConcatDataset) -> list[bool]:
    parts: list[Any] = dataset.datasets if isinstance(dataset, ConcatDataset) else [dataset]
    return [has_lesion for part in parts for has_lesion in part.has_lesion]


def _lesion_size(epoch_size: int, lesion_fraction: float, lesion: int, empty: int) -> int:
    if not lesion or not empty:
        return epoch_size if lesion else 0
    return min(epoch_size, max(1, round(lesion_fraction * epoch_size)))


def _mix(seed: int, epoch: int) -> int:
    """A seed of its own for each pair: seed 1 in epoch 0 is not seed 0 in epoch 1."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


def _draw(positions: Tensor, number: int, weights: Tensor, generator: Generator) -> Tensor:
    """Draw a number of positions, each as often as the others or once more, those of high weight first."""
    rounds = -(-number // len(positions)) if number else 0
    drawn = [torch.multinomial(weights, len(positions), generator=generator) for _ in range(rounds)]
    return positions[torch.cat(drawn)[:number]] if drawn else positions[:0]


def _names(dataset: SliceDataset | ConcatDataset) -> list[tuple[str, int]]:
    parts: list[Any] = dataset.datasets if isinstance(dataset, ConcatDataset) else [dataset]
    return [name for part in parts for name in part.names()]
