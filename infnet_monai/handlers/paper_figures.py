"""The six figures of the published tables, at each validation."""

from __future__ import annotations

from typing import Any

import torch
from ignite.engine import Engine, Events

from infnet_monai.handlers.slices import lesion_slices
from infnet_monai.metrics import PAPER_MEASURES, SegmentationMeasures

__all__ = ["TABLE_FIGURES", "PaperFigures"]

TABLE_FIGURES = ("mean_dice", "mean_sensitivity", "mean_specificity", "s_measure", "mean_e_measure", "mae")
UNDEFINED_CURVES = torch.full((1, 4, 256), torch.nan).double()


class PaperFigures:
    """Add the figures of the paper's protocol to the evaluator's metrics, over the slices with lesion.

    They are means over 256 thresholds of the map scaled to [0, 1]; see :func:`infnet_monai.metrics.paper_measures`.

    Args:
        prefix: Put before each figure's name.
    """

    def __init__(self, prefix: str = "paper_"):
        self.prefix = prefix
        self.measures = SegmentationMeasures("paper")
        self.slices = lesion_slices()

    def attach(self, engine: Engine) -> None:
        """Collect after iterations; attach before handlers that show or write the metrics."""
        engine.add_event_handler(Events.STARTED, self._reset)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._add)

    def _reset(self, engine: Engine) -> None:
        self.measures.reset()

    def _collect(self, engine: Any) -> None:
        maps, references = self.slices(engine.state.output)
        if references[0].isnan().any():  # no slice with lesion
            self.measures.extend(torch.full((1, len(PAPER_MEASURES)), torch.nan).double(), UNDEFINED_CURVES)
        else:
            self.measures(maps, references)

    def _add(self, engine: Engine) -> None:
        summary = self.measures.summary()
        engine.state.metrics.update({f"{self.prefix}{name}": summary[name] for name in TABLE_FIGURES})
