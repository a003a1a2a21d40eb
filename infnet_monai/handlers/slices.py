"""From the evaluator's volumes to the slices that its metrics are computed on, and what holds where there are none."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.utils import CommonKeys
from torch import Tensor

__all__ = ["UndefinedWithoutLesion", "lesion_slices", "slices"]

logger = logging.getLogger(__name__)

Pairs = tuple[list[Tensor], list[Tensor]]


def slices(threshold: float | None = None, lesion_only: bool = False) -> Callable[[Sequence[Mapping]], Pairs]:
    """Make an output transform for metric handlers: decollated volumes to lists of slices.

    Args:
        threshold: Probabilities of at least this become 1, others 0; ``None`` keeps
            probabilities, clipped to [0, 1] where resampling has gone beyond by rounding.
        lesion_only: Leave out slices whose reference is empty.

    Returns:
        A function of the engine's decollated output, whose ``pred`` and ``label`` are ``(1, H, W, D)``; it gives the
        predictions and references as two lists of ``(1, H, W)``. Where no slice is left they hold one pair of NaN, on
        which every metric is undefined, so that each rank has a value to gather.
    """

    def transform(output: Sequence[Mapping]) -> Pairs:
        predictions: list[Tensor] = []
        references: list[Tensor] = []
        for item in output:
            pairs = zip(item[CommonKeys.PRED].unbind(-1), item[CommonKeys.LABEL].unbind(-1), strict=True)
            for prediction, reference in pairs:
                if lesion_only and not reference.any():
                    continue
                predictions.append(prediction.clamp(0, 1) if threshold is None else (prediction >= threshold).float())
                references.append(reference.float())
        if not predictions:
            return [torch.full((1, 1, 1), math.nan)], [torch.full((1, 1, 1), math.nan)]
        return predictions, references

    return transform


def lesion_slices(threshold: float | None = None) -> Callable[[Sequence[Mapping]], Pairs]:
    """Return :func:`slices` without the slices whose reference is empty."""
    return slices(threshold, lesion_only=True)


class UndefinedWithoutLesion:
    """Make all metrics of an evaluation NaN, with a warning, where no slice of any case has a lesion.

    Attach it to the evaluator after the handlers that add metrics.
    """

    def __init__(self) -> None:
        self._slices = 0

    def attach(self, engine: Engine) -> None:
        """Count the slices with lesion after iterations, judge after the last one."""
        engine.add_event_handler(Events.STARTED, self._reset)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._count)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._judge)

    def _reset(self, engine: Engine) -> None:
        self._slices = 0

    def _count(self, engine: Any) -> None:
        for item in engine.state.output:
            self._slices += int(item[CommonKeys.LABEL].flatten(0, -2).any(dim=0).sum())

    def _judge(self, engine: Any) -> None:
        if idist.all_reduce(self._slices) == 0:
            engine.state.metrics.update(dict.fromkeys(engine.state.metrics, math.nan))
            engine.state.best_metric = math.nan  # MONAI takes the mean of nothing for 0
            if idist.get_rank() == 0:
                logger.warning("No slice of these cases has a lesion: Dice and the other metrics are undefined.")
