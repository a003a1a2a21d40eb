"""Watching a network while it segments: its intermediate maps and pooled features, batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from infnet_monai.networks.blocks import resize_like
from infnet_monai.quality.features import LEVELS, FeatureReference
from infnet_monai.quality.signals import MapCounts, QualitySignals

__all__ = ["NetworkWatch"]

REDUCTION = 4  # maps are compared at a quarter of the slice's size: the finest one has an eighth


class NetworkWatch:
    """Collects signals of quality from the passes of a network over one scan, as a context manager.

    Of Inf-Net it takes the maps S_g, S_5, S_4, S_3 and the encoder's features; of any other network that returns
    logits, its map alone, which says nothing of agreement. With mirrored slices the map of these is one view more. The
    hooks outlast :func:`infnet_monai.inference.prepare_for_inference`, which leaves the modules they are on.

    Args:
        network: The network. What is not an ``nn.Module``, e.g. that of another engine, gives no signals.
        flips: Whether each batch is followed by its slices mirrored along the last axis, as by
            :class:`infnet_monai.inference.FlipInferer`.

    Example:
        >>> from infnet_monai.networks import InfNet
        >>> network = InfNet("resnet18").eval()
        >>> with torch.no_grad(), NetworkWatch(network) as watch:
        ...     logits = network(torch.zeros(2, 3, 64, 64))
        >>> watch.signals().slices
        2
    """

    def __init__(self, network: Any, flips: bool = False):
        self._network, self._flips = network, flips
        self._hooks: list[Any] = []
        self._maps: list[Tensor] = []
        self._features: dict[str, list[Tensor]] = {level: [] for level in LEVELS}
        self._counts = MapCounts()

    def __enter__(self) -> NetworkWatch:
        network = self._network
        if not isinstance(network, nn.Module):
            return self
        if isinstance(encoder := getattr(network, "encoder", None), nn.Module):
            self._hooks.append(encoder.register_forward_hook(self._take_features))
        stages = [getattr(network, "partial_decoder", None), *getattr(network, "reverse_attentions", ())]
        self._hooks += [stage.register_forward_hook(self._take_map) for stage in stages if isinstance(stage, nn.Module)]
        self._hooks.append(network.register_forward_hook(self._count))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        while self._hooks:
            self._hooks.pop().remove()

    def signals(self, references: Mapping[str, FeatureReference] | None = None) -> QualitySignals:
        """Return the signals of all slices so far.

        Args:
            references: Features of the training data by level; without them there are no distances.
        """
        found = self._counts.signals()
        features = self.slice_features()
        distances: dict[str, Any] = {
            f"{level}_distance": float(reference.distances(features[level]).mean())
            for level, reference in (references or {}).items()
            if level in features and features[level].shape[1] == len(reference.mean)
        }
        return replace(found, **distances)

    def slice_features(self) -> dict[str, NDArray[np.float32]]:
        """Return the pooled features ``(slices, C)`` by level; no level where the network has no encoder."""
        return {level: torch.cat(rows).numpy() for level, rows in self._features.items() if rows}

    def _take_features(self, encoder: nn.Module, inputs: Any, features: Sequence[Tensor]) -> None:
        for level, feature in zip(LEVELS, (features[0], features[1], features[-1]), strict=True):
            deviation, mean = torch.std_mean(self._unmirrored(feature).float(), dim=(2, 3))
            self._features[level].append(torch.cat([mean, deviation], dim=1).cpu())

    def _take_map(self, stage: nn.Module, inputs: Any, logits: Tensor) -> None:
        self._maps.append(self._unmirrored(logits))

    def _count(self, network: nn.Module, inputs: Any, logits: Tensor) -> None:
        height, width = (max(1, size // REDUCTION) for size in logits.shape[-2:])
        grid = logits.new_empty(0, 1, height, width)
        upright = self._unmirrored(logits)
        views = [*(self._maps or [upright])]
        if self._flips:  # the mirrored view comes first, so that the most refined map stays the last one
            views.insert(0, logits[len(upright) :].flip(-1))
        probabilities = [resize_like(view.float(), grid).sigmoid().amax(dim=1) for view in views]
        self._counts.add(torch.stack(probabilities))
        self._maps = []

    def _unmirrored(self, batch: Tensor) -> Tensor:
        return batch[: len(batch) // 2] if self._flips else batch
