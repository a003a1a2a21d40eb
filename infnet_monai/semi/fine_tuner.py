"""A bundle's training, a few iterations at a time, on a set of slices that grows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ignite.engine import Events
from monai.bundle import ConfigParser
from monai.utils import set_determinism
from torch.utils.data import ConcatDataset, Dataset

from infnet_monai.data.slice_dataset import SliceDataset
from infnet_monai.errors import InputError, unwrapped_input_errors
from infnet_monai.networks.model_weights import load_model_weights

__all__ = ["FineTuner"]

# The one of the trainer's handlers that changes a step; the others schedule, validate, save and report.
HANDLERS = [{"_target_": "infnet_monai.handlers.GradientClipping", "clip_value": "@clip_value"}]


class FineTuner:
    """Builds network, optimiser and labelled slices of a bundle once and trains on with them.

    Args:
        parser: The bundle's ``train.json`` with what goes over it; its trainer's items are changed.
        weights: File of the weights to start from.
        learning_rate: Constant learning rate.
        iterations: Number of batches in each call of :meth:`run`.

    Attributes:
        network: The network, on its device.

    Raises:
        InputError: The weights or the labelled data cannot be used.
    """

    def __init__(self, parser: ConfigParser, weights: str | Path, learning_rate: float, iterations: int):
        parser.update(
            {
                "pretrained": False,
                "learning_rate": learning_rate,
                "train#trainer#train_handlers": HANDLERS,
                "train#trainer#max_epochs": 1,
                "train#trainer#epoch_length": iterations,
            }
        )
        self._parser = parser
        with unwrapped_input_errors():
            self.network = parser.get_parsed_content("network")
            load_model_weights(self.network, weights)
            self._optimizer = parser.get_parsed_content("optimizer")
            self._labelled: SliceDataset = parser.get_parsed_content("train#dataset")
        self._parts: list[Dataset] = [self._labelled]

    @property
    def slices(self) -> int:
        """Number of slices that are trained on."""
        return len(ConcatDataset(self._parts))

    def add(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Train on more items from now on, on the slices that the bundle's sampler chooses.

        Args:
            items: Images and labels by path, as of :func:`infnet_monai.data.load_datalist`.
        """
        with unwrapped_input_errors():
            self._parts.append(self._labelled.of_items(items))

    def run(self, seed: int) -> float:
        """Train for the given number of iterations.

        Args:
            seed: Seed of the order of slices and of their augmentation.

        Returns:
            Mean loss.

        Raises:
            InputError: The loss is not finite any more.
        """
        set_determinism(seed)
        augmentation: Any = self._labelled.slice_transform
        augmentation.set_random_state(seed)
        # Objects instead of their configuration: the trainer is built again, these stay.
        self._parser.update(
            {"network": self.network, "optimizer": self._optimizer, "train#dataset": ConcatDataset(self._parts)}
        )
        trainer = self._parser.get_parsed_content("train#trainer")
        losses: list[float] = []
        trainer.add_event_handler(
            Events.ITERATION_COMPLETED, lambda engine: losses.append(engine.state.output["loss"].item())
        )
        trainer.run()
        loss = math.fsum(losses) / len(losses)
        if not math.isfinite(loss):
            raise InputError(f"the loss of fine-tuning became {loss}; give a smaller --round-learning-rate")
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return what a later process resumes from."""
        return {"network": self.network.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from an earlier process; its items are to be added again."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
