"""Checkpoints of a training: the best model, and the last complete epoch to resume from."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from torch import nn

from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write

__all__ = ["BestModel", "FinalModel", "LastCheckpoint", "save_atomically"]

logger = logging.getLogger(__name__)


def save_atomically(content: Any, path: str | Path) -> None:
    """Write a checkpoint so that an earlier file of that name survives a failure.

    Args:
        content: What ``torch.save`` takes.
        path: File to write; its folder is created if needed.

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
    """Choose the epoch with the highest key metric and keep its weights as a plain state dict.

    Attach it to the evaluator. The weights are written by :class:`LastCheckpoint`, which knows when an epoch is
    complete. Before each validation all ranks take the buffers of the first one (statistics of batch normalisation,
    which each rank estimates from its own batches), so that the weights written are those that were validated.

    Args:
        network: The network that is validated; no DistributedDataParallel wrapper.
        path: File of the weights, e.g. ``models/model.pt``.

    Attributes:
        score: Highest key metric so far, ``None`` while there is none.
        unsaved: Whether the weights of that score have yet to be written.
    """

    def __init__(self, network: nn.Module, path: str | Path):
        self.network = network
        self.path = Path(path)
        self.score: float | None = None
        self.unsaved = False

    def attach(self, engine: Engine) -> None:
        """Share buffers before and compare after each validation."""
        engine.add_event_handler(Events.STARTED, self._share_buffers)
        engine.add_event_handler(Events.COMPLETED, self._compare)

    def state_dict(self) -> dict[str, Any]:
        """Return the best score, and whether it is that of the current weights, for :class:`LastCheckpoint`."""
        return {"score": self.score, "unsaved": self.unsaved}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the best score of an earlier process."""
        self.score, self.unsaved = state["score"], state["unsaved"]

    def forget(self) -> None:
        """Let the score so far count for nothing, since it is that of weights nobody has trained."""
        self.score, self.unsaved = None, False

    def save(self) -> None:
        """Write the weights as they are now."""
        if idist.get_rank() == 0:
            save_atomically(self.network.state_dict(), self.path)
        self.unsaved = False

    def _share_buffers(self, engine: Engine) -> None:
        if idist.get_world_size() > 1:
            for buffer in self.network.buffers():
                torch.distributed.broadcast(buffer, src=0)

    def _compare(self, engine: Any) -> None:
        score = float(engine.state.metrics[engine.state.key_metric_name])
        if math.isfinite(score) and (self.score is None or score > self.score):
            self.score, self.unsaved = score, True


class FinalModel(BestModel):
    """Stands in for :class:`BestModel` where no epoch may be chosen: it compares nothing and has no score.

    :class:`LastCheckpoint` then writes the weights of the last epoch to the model's file.
    """

    def attach(self, engine: Engine) -> None:
        """Leave the evaluator alone."""


class LastCheckpoint:
    """Save the whole state of a training after each epoch, and the best model with it; attach it to the trainer.

    Attach it after all handlers that change what is saved. Nothing is saved in the middle of an epoch: what an
    interruption leaves is the last complete epoch. The state is written before the model; a process killed in between
    is made good when the training is resumed, since the state tells that its weights are the best ones.

    Args:
        path: File of the state, e.g. ``models/last.pth``.
        objects: What is saved beside the epoch, each with ``state_dict`` and ``load_state_dict``;
            ``None`` stands for one that is disabled.
        best_model: Chooses the epoch whose weights are kept; the last one where it has no score in the end.
        resume: Continue from the file at the start.
    """

    def __init__(self, path: str | Path, objects: Mapping[str, Any], best_model: BestModel, resume: bool = False):
        self.path = Path(path)
        present = {name: item for name, item in objects.items() if item is not None}
        self.objects = {**present, "best_model": best_model}
        self.best_model = best_model
        self.resume = resume

    def attach(self, engine: Engine) -> None:
        """Load at the start where asked to, save after each epoch, and keep some model in the end."""
        if self.resume:
            engine.add_event_handler(Events.STARTED, self._load)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._save)
        engine.add_event_handler(Events.COMPLETED, self._save_unchosen)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._report_interruption)

    def _save(self, engine: Engine) -> None:
        if idist.get_rank() == 0:
            state = {name: item.state_dict() for name, item in self.objects.items()}
            save_atomically({**state, "epoch": engine.state.epoch}, self.path)
        if self.best_model.unsaved:
            self.best_model.save()

    def _save_unchosen(self, engine: Engine) -> None:
        if self.best_model.score is None and engine.state.epoch > 0:
            self.best_model.save()

    def _report_interruption(self, engine: Engine, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt) and self.path.is_file():
            logger.info("Interrupted in epoch %d; resume with --resume true from %s.", engine.state.epoch, self.path)
        raise error

    def _load(self, engine: Engine) -> None:
        if not self.path.is_file():
            raise InputError(f"resume: {self.path} does not exist. Run without --resume first, or give its ckpt_dir.")
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            for name, item in self.objects.items():
                item.load_state_dict(state[name])
        except Exception as error:  # unpickling and key errors of a damaged or foreign file
            raise InputError(f"{self.path}: cannot be resumed from ({error}). Train without --resume.") from error
        engine.state.epoch = state["epoch"]
        engine.state.iteration = state["epoch"] * engine.state.epoch_length
        if self.best_model.unsaved:
            self.best_model.save()
        remaining = engine.state.max_epochs - state["epoch"]
        plan = f"resuming with epoch {state['epoch'] + 1}" if remaining > 0 else "all epochs are done"
        logger.info("%s has finished epoch %d: %s.", self.path, state["epoch"], plan)
