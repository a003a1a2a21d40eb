"""Steps of Inf-Net's recipe that MONAI's trainer lacks: multi-scale steps, clipped gradients, a bar with the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from ignite.engine import Engine
from ignite.handlers import ProgressBar
from monai.engines import SupervisedTrainer
from monai.engines.utils import IterationEvents
from monai.utils import CommonKeys
from torch.nn import functional

__all__ = ["GradientClipping", "LossProgressBar", "MultiScaleUpdate"]


class GradientClipping:
    """Clip each gradient value before the optimiser's step (the published code uses 0.5).

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
    """Iteration of the trainer with one optimiser step for each scale of the batch (the published code's recipe).

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

    def resize(self, batch: Mapping[str, Any], scale: float) -> dict[str, Any]:
        """Return the batch with image and target ``(B, C, H, W)`` resized by a factor."""
        resized = dict(batch)
        if scale == 1:
            return resized
        height, width = batch[CommonKeys.IMAGE].shape[-2:]
        size = [max(1, round(side * scale / self.stride)) * self.stride for side in (height, width)]
        for key in (CommonKeys.IMAGE, CommonKeys.LABEL):
            resized[key] = functional.interpolate(batch[key].float(), size=size, mode="bilinear", align_corners=True)
        return resized
