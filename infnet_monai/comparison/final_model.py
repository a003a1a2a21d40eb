"""Weights of the last epoch instead of those with the best validation."""

from __future__ import annotations

from ignite.engine import Engine

from infnet_monai.handlers.checkpoints import BestModel

__all__ = ["FinalModel"]


class FinalModel(BestModel):
    """Stands in for :class:`BestModel` where no epoch may be chosen: it compares nothing and has no score.

    :class:`infnet_monai.handlers.LastCheckpoint` then writes the weights of the last epoch to the model's file.
    """

    def attach(self, engine: Engine) -> None:
        """Leave the evaluator alone."""
