"""Steps of a training that MONAI's trainer lacks: scales, clipped gradients, seeds, first and last validation."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Engine, Events
from ignite.handlers import ProgressBar
from monai.data.utils import set_rnd
from monai.engines import Evaluator, SupervisedTrainer
from monai.engines.utils import IterationEvents
from monai.utils import CommonKeys, set_determinism
from torch.nn import functional
from torch.utils.data import Dataset

from infnet_monai.handlers.checkpoints import BestModel

__all__ = ["EpochSeeds", "FirstAndLastValidation", "GradientClipping", "LossProgressBar", "MultiScaleUpdate"]

logger = logging.getLogger(__name__)


class EpochSeeds:
    """Seed all random numbers at the start of each epoch, so that a resumed training repeats none of them.

    The seeds follow from the training's seed, the epoch and the rank alone. An epoch is therefore the same whether
    the process has done the epochs before it or not.

    Args:
        dataset: The data set trained on, whose random transforms are seeded, too.
        seed: Seed of the training.
    """

    def __init__(self, dataset: Dataset, seed: int):
        self.dataset = dataset
        self.seed = seed

    def attach(self, engine: Engine) -> None:
        """Seed before an epoch's first batch is drawn."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._seed)

    def _seed(self, engine: Engine) -> None:
        sequence = np.random.SeedSequence([self.seed, engine.state.epoch, idist.get_rank()])
        first, second = sequence.generate_state(2).tolist()
        set_determinism(first)
        set_rnd(self.dataset, second)


class FirstAndLastValidation:
    """Validate before the first epoch and after the last; MONAI's ValidationHandler does it at an interval between.

    Args:
        validator: The engine that validates.
        interval: Epochs between the validations of the ValidationHandler, which may include the last epoch.
        best_model: Takes the weights before the first epoch only where they are those of a trained network.
        trained_before: Whether they are: the training starts from a whole network's weights.
        resume: Whether the training is resumed, so that its first epoch lies behind.
    """

    def __init__(
        self,
        validator: Evaluator,
        interval: int,
        best_model: BestModel,
        trained_before: bool = False,
        resume: bool = False,
    ):
        self.validator = validator
        self.interval = interval
        self.best_model = best_model
        self.trained_before = trained_before
        self.resume = resume

    def attach(self, engine: Engine) -> None:
        """Validate at the start, after the handlers that load weights then, and after the last epoch."""
        if not self.resume:
            engine.add_event_handler(Events.STARTED, self._validate_first)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._validate_last)

    def _validate_first(self, engine: Engine) -> None:
        logger.info("Validating the weights that the training starts from.")
        self.validator.run()
        if not self.trained_before:
            self.best_model.forget()
            self.validator.state.best_metric = self.validator.state.best_metric_epoch = -1
        elif self.best_model.unsaved:
            self.best_model.save()

    def _validate_last(self, engine: Engine) -> None:
        if engine.state.epoch == engine.state.max_epochs and engine.state.epoch % self.interval:
            self.validator.run(engine.state.epoch)


class GradientClipping:
    """Clip each gradient value before the optimiser's step (the authors' code uses 0.5).

    Args:
        clip_value: Largest absolute value; ``None`` leaves gradients as they are.
    """

    def __init__(self, clip_value: float | None = 0.5):
        self.clip_value = clip_value

    def attach(self, engine: Engine) -> None:
        """Clip after each backward pass."""
        if self.clip_value is not None:
            engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self._clip, self.clip_value)

    def _clip(self, engine: Any, clip_value: float) -> None:
        torch.nn.utils.clip_grad_value_(engine.network.parameters(), clip_value)


class LossProgressBar:
    """Ignite's progress bar with the loss of the last iteration, as a MONAI handler."""

    def attach(self, engine: Engine) -> None:
        """Show iterations, time left and loss of each epoch."""
        bar = ProgressBar(persist=False, desc="Training")
        bar.attach(engine, output_transform=lambda output: {"loss": output["loss"].item()})


class MultiScaleUpdate:
    """Iteration of the trainer with one optimiser step for each scale of the batch (as the authors' code does).

    Args:
        scales: Factors of the slice size, e.g. ``(0.75, 1, 1.25)``; ``(1,)`` is the ordinary step.
        stride: Scaled sizes are rounded to multiples of this number of pixels.
    """

    def __init__(self, scales: Sequence[float] = (1.0,), stride: int = 32):
        self.scales = tuple(scales)
        self.stride = stride

    def __call__(self, engine: SupervisedTrainer, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Step once a scale and return the last step's output."""
        output: dict[str, Any] = {}
        for scale in self.scales:
            output = SupervisedTrainer._iteration(engine, engine, self.resize(batch, scale))
        return output

    def resize(
        self, batch: Mapping[str, Any], scale: float, keys: Sequence[str] = (CommonKeys.IMAGE, CommonKeys.LABEL)
    ) -> dict[str, Any]:
        """Return the batch with image and target, or other ``keys`` ``(B, C, H, W)``, resized by a factor."""
        resized = dict(batch)
        if scale == 1:
            return resized
        height, width = batch[CommonKeys.IMAGE].shape[-2:]
        size = [max(1, round(side * scale / self.stride)) * self.stride for side in (height, width)]
        for key in keys:
            resized[key] = functional.interpolate(batch[key].float(), size=size, mode="bilinear", align_corners=True)
        return resized
