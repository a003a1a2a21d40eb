"""Hard negatives: slices without lesion in which the network sees one are drawn more often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.utils import CommonKeys
from torch import Tensor

from infnet_monai.data.balanced_slices import BalancedSlices

__all__ = ["HardNegatives"]

UNSEEN = -1.0


class HardNegatives:
    r"""Weigh the slices without lesion of a sampler by the lesion that training has last predicted in them.

    With the predicted area a, the sum of the probabilities over the pixels, and the strength s, a slice's weight in the
    draw of the next epoch is

    .. math:: 1 + s \, a / \bar{a}

    With s = 1, one with the mean area is drawn as if there were two of it. The area is taken instead of the loss, whose
    part for intersection over union is close to 1 in every slice without lesion. Slices of cases of one name and number
    have one weight.

    Args:
        sampler: Draws the slices.
        strength: Factor of the predicted area, above 0.
    """

    def __init__(self, sampler: BalancedSlices, strength: float = 1.0):
        self.sampler = sampler
        self.strength = strength
        names = sampler.empty_names()
        self.rows: dict[tuple[str, int], list[int]] = {}
        for row, name in enumerate(names):
            self.rows.setdefault(name, []).append(row)
        self.area = torch.full((len(names),), UNSEEN)
        self._seen = self.area.clone()

    def attach(self, engine: Engine) -> None:
        """Note areas after each iteration; weigh after each epoch, before the state is saved."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._note)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._weigh)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the areas of the slices, for :class:`infnet_monai.handlers.LastCheckpoint`."""
        return {"area": self.area}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue with the areas that an earlier process has seen.

        Raises:
            ValueError: They are those of other slices.
        """
        if state["area"].shape != self.area.shape:
            raise ValueError(f"{len(state['area'])} slices without lesion instead of {len(self.area)}")
        self.area = state["area"].clone()
        self._set_weights()

    def _note(self, engine: Any) -> None:
        pred = engine.state.output[CommonKeys.PRED]
        logits = pred if isinstance(pred, Tensor) else pred[-2]  # the edge map comes last, the prediction before it
        areas = torch.sigmoid(logits.detach().float()).sum(dim=(1, 2, 3)).tolist()
        batch = engine.state.batch
        for case, number, area in zip(batch["case"], batch["slice"].tolist(), areas, strict=True):
            for row in self.rows.get((case, number), ()):
                self._seen[row] = area

    def _weigh(self, engine: Any) -> None:
        seen = self._seen
        if idist.get_world_size() > 1:  # the ranks must draw alike
            seen = torch.as_tensor(idist.all_reduce(seen.to(engine.state.device), "MAX")).cpu()
        self.area = torch.where(seen == UNSEEN, self.area, seen)
        self._seen = torch.full_like(self.area, UNSEEN)
        self._set_weights()

    def _set_weights(self) -> None:
        known = self.area[self.area != UNSEEN]
        mean = known.mean() if len(known) else torch.tensor(0.0)
        if mean > 0:
            area = torch.where(self.area == UNSEEN, mean, self.area)
            self.sampler.empty_weights = 1 + self.strength * area / mean
