"""Checkpoints of a training run: the best model, and the last state to go on from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from torch import nn

from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write

__all__ = ["BestModel", "LastCheckpoint", "save_atomically"]

logger = logging.getLogger(__name__)


def save_atomically(content: Any, path: str | Path) -> None:
    """Write a checkpoint so that an earlier file of that name survives a failure.

    Args:
        content: What ``torch.save`` takes.
        path: Target; its folder is made if needed.

    Raises:
        InputError: The file cannot be written, e.g. because the disk is full.
    """
    try:
        with atomic_write(path) as draft:
            torch.save(content, draft)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{path}: cannot be written ({error}); an earlier file is untouched. Free disk space or change ckpt_dir."
        ) from error


class BestModel:
    """Keep the weights with the highest key metric as a plain state dict; attach it to the evaluator.

    Args:
        network: The network, or its DistributedDataParallel wrapper.
        path: File of the weights, e.g. ``models/model.pt``.
    """

    def __init__(self, network: nn.Module, path: str | Path):
        self.network = network
        self.path = Path(path)
        self.score: float | None = None

    def attach(self, engine: Engine) -> None:
        """Compare after each validation."""
        engine.add_event_handler(Events.COMPLETED, self._compare)

    def state_dict(self) -> dict[str, float | None]:
        """Return the best score so far, for :class:`LastCheckpoint`."""
        return {"score": self.score}

    def load_state_dict(self, state: Mapping[str, float | None]) -> None:
        """Go on from the best score of an earlier run."""
        self.score = state["score"]

    def save(self) -> None:
        """Write the network's weights now."""
        if idist.get_rank() == 0:
            network = getattr(self.network, "module", self.network)
            save_atomically(network.state_dict(), self.path)

    def _compare(self, engine: Any) -> None:
        score = float(engine.state.metrics[engine.state.key_metric_name])
        if self.score is None or score > self.score:
            self.score = score
            self.save()


class LastCheckpoint:
    """Save the whole training state after each epoch and when the run is interrupted; attach it to the trainer.

    Args:
        path: File of the state, e.g. ``models/last.pth``.
        objects: What is saved beside the trainer's epoch: network, optimiser, schedule, best model.
        best: Where given and nothing has been validated (no validation cases), the final weights are saved there.
        resume: Go on from the file at the start.
    """

    def __init__(
        self, path: str | Path, objects: Mapping[str, Any], best: BestModel | None = None, resume: bool = False
    ):
        self.path = Path(path)
        self.objects = dict(objects)
        self.best = best
        self.resume = resume

    def attach(self, engine: Engine) -> None:
        """Save after epochs and on exceptions; load at the start where asked to."""
        if self.resume:
            engine.add_event_handler(Events.STARTED, self._load)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._save)
        engine.add_event_handler(Events.COMPLETED, self._save_unvalidated)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._save_and_raise)

    def _save(self, engine: Engine, completed_epochs: int | None = None) -> None:
        if idist.get_rank() != 0:
            return
        state = {name: getattr(item, "module", item).state_dict() for name, item in self.objects.items()}
        state["epoch"] = engine.state.epoch if completed_epochs is None else completed_epochs
        save_atomically(state, self.path)

    def _save_unvalidated(self, engine: Engine) -> None:
        if self.best is not None and self.best.score is None:
            self.best.save()

    def _save_and_raise(self, engine: Engine, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt) and engine.state.iteration > 0:
            self._save(engine, completed_epochs=max(engine.state.epoch - 1, 0))
            logger.info("Interrupted in epoch %d: saved %s. Go on with --resume true.", engine.state.epoch, self.path)
        raise error

    def _load(self, engine: Engine) -> None:
        if not self.path.is_file():
            raise InputError(f"resume: {self.path} does not exist. Run without --resume first, or give its ckpt_dir.")
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            for name, item in self.objects.items():
                getattr(item, "module", item).load_state_dict(state[name])
        except Exception as error:  # unpickling and key errors of a damaged or foreign file
            raise InputError(f"{self.path}: cannot be resumed from ({error}). Train without --resume.") from error
        if state["epoch"] >= engine.state.max_epochs:
            raise InputError(
                f"{self.path} has finished epoch {state['epoch']} already: give --epochs above that to train on."
            )
        engine.state.epoch = state["epoch"]
        engine.state.iteration = state["epoch"] * engine.state.epoch_length
        logger.info("Resumed from %s: going on with epoch %d.", self.path, state["epoch"] + 1)
