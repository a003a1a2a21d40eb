"""Signals of doubt in the maps of one scan: where views of the same lesions disagree, and where none is sure."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["MapCounts", "QualitySignals"]

LESION, UNCERTAIN_FROM, UNCERTAIN_TO = 0.5, 0.1, 0.9


@dataclass(frozen=True)
class QualitySignals:
    """What one pass over a scan says about its mask; ``None`` where the network does not give it.

    Attributes:
        slices: Number of slices that the network saw.
        agreement: Mean Dice of all pairs of lesion maps over the whole volume, 0 to 1; 1 where no map has lesion.
        lowest_agreement: The same of the two maps that differ most.
        volume_spread: Standard deviation of the lesion volume over the maps, relative to that of the last map.
        uncertain_fraction: Of the pixels with a probability of 0.1 or more, the fraction below 0.9.
        lesion_fraction: Fraction of the pixels that are lesion.
        image_distance: Distance of the shallowest encoder feature (noise, blur, intensities) from that of the training
            data, 1 for the median of their slices.
        texture_distance: The same of the second encoder feature (edges and texture).
        content_distance: The same of the deepest encoder feature (what is in the picture).
    """

    slices: int = 0
    agreement: float | None = None
    lowest_agreement: float | None = None
    volume_spread: float | None = None
    uncertain_fraction: float | None = None
    lesion_fraction: float | None = None
    image_distance: float | None = None
    texture_distance: float | None = None
    content_distance: float | None = None


class MapCounts:
    """Counts over the maps of a scan, added batch by batch; nothing of a volume's size is kept.

    Example:
        >>> counts = MapCounts()
        >>> counts.add(torch.tensor([[[[0.95, 0.95, 0.0]]], [[[0.95, 0.0, 0.0]]]]))
        >>> counts.signals().agreement  # 2 * 1 / (2 + 1)
        0.6666666666666666
    """

    def __init__(self) -> None:
        self.slices = 0
        self._pixels = 0
        self._common: Tensor | None = None  # (V, V): pixels that are lesion in both of two maps
        self._possible = 0
        self._uncertain = 0

    def add(self, maps: Tensor) -> None:
        """Count a batch of slices.

        Args:
            maps: Probability maps ``(V, B, H, W)`` of V views, the most refined one last.
        """
        lesion = (maps >= LESION).flatten(1).float()
        common = (lesion @ lesion.T).double().cpu()
        self._common = common if self._common is None else self._common + common
        last = maps[-1]
        possible = last >= UNCERTAIN_FROM
        self._possible += int(possible.sum())
        self._uncertain += int((possible & (last < UNCERTAIN_TO)).sum())
        self._pixels += last.numel()
        self.slices += maps.shape[1]

    def signals(self) -> QualitySignals:
        """Return the signals of all batches; those of several maps are ``None`` where there is only one."""
        if self._common is None:
            return QualitySignals()
        sizes = self._common.diag()
        lowest, mean = _pairwise_dice(self._common)
        spread = float(sizes.std(correction=0) / sizes[-1]) if sizes[-1] else float(bool(sizes.any()))
        several = len(sizes) > 1
        return QualitySignals(
            slices=self.slices,
            agreement=mean if several else None,
            lowest_agreement=lowest if several else None,
            volume_spread=spread if several else None,
            uncertain_fraction=self._uncertain / self._possible if self._possible else 0.0,
            lesion_fraction=float(sizes[-1]) / self._pixels,
        )


def _pairwise_dice(common: Tensor) -> tuple[float, float]:
    """Return the lowest and the mean Dice of all pairs of maps; 1 for a pair without lesion."""
    sizes = common.diag()
    total = sizes[:, None] + sizes[None, :]
    dice = torch.where(total > 0, 2 * common / total.clamp(min=1), torch.ones_like(common))
    first, second = torch.triu_indices(len(sizes), len(sizes), offset=1)
    pairs = dice[first, second] if len(sizes) > 1 else torch.ones(1)
    return float(pairs.min()), float(pairs.mean())
