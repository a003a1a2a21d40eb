"""Step of a training on labelled and unlabelled slices together, by consistency with a teacher."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from monai.engines import SupervisedTrainer
from monai.engines.utils import IterationEvents
from monai.networks import eval_mode
from monai.utils import CommonKeys
from torch import Tensor, nn
from torch.nn import functional

from infnet_monai.errors import InputError
from infnet_monai.handlers.training import MultiScaleUpdate
from infnet_monai.losses import ConsistencyLoss
from infnet_monai.transforms import LesionPaste, PairCutMix, lung_pixels

__all__ = ["ConsistencyUpdate"]

STRONG = "strong"


class ConsistencyUpdate(MultiScaleUpdate):
    r"""Iteration of the trainer on a labelled batch and a batch of unlabelled slices, in one step for each scale.

    A teacher predicts the weak view of the unlabelled slices, in eval mode and without gradients. The network sees
    the labelled slices and the strong views in one forward pass; lesions of the labelled batch may be pasted into the
    strong views, boxes are exchanged between these (CutMix), and the teacher's probability follows both. One more
    view, of the encoder's features with dropped channels, is optional.

    .. math::

        L = L_{labelled} + w \cdot r(t) \cdot \frac{1}{V} \sum_{views} L_{consistency},
        \quad r(t) = e^{-5 (1 - \min(t, 1))^2}

    with the training's loss, the weight w, the V views, and t, the epochs so far over ``ramp_epochs``.

    Source: FixMatch (Sohn et al., NeurIPS 2020, arXiv 2001.07685) with an averaged teacher (Tarvainen and Valpola,
    NeurIPS 2017, arXiv 1703.01780, also the ramp-up); CutMix, strong views and the view of perturbed features as in
    UniMatch (Yang et al., CVPR 2023, arXiv 2208.09910).

    Args:
        teacher: The network's average over the steps; the network itself works, too.
        batches: Gives an iterator over batches for the number of the steps before, a number of steps and a seed;
            batches hold ``image`` ``(U, C, H, W)``, the weak view, and ``strong`` ``(U, K, C, H, W)``.
        loss: Loss of the unlabelled slices.
        weight: Weight of this loss once it is ramped up.
        ramp_epochs: Epochs over which the weight grows.
        cutmix: Exchanges boxes between the U slices of a view.
        paste: Pastes lesions of the labelled batch into the slices of a view.
        feature_dropout: Probability that a channel of the encoder's features is dropped in the view of perturbed
            features; 0 leaves this view out.
        scales: Factors of the slice size, see :class:`MultiScaleUpdate`.
        stride: Scaled sizes are rounded to multiples of this number of pixels.

    Raises:
        InputError: A number is out of range.
    """

    def __init__(
        self,
        teacher: nn.Module,
        batches: Callable[[int, int, int], Iterator[Mapping[str, Any]]],
        loss: ConsistencyLoss,
        weight: float = 1.0,
        ramp_epochs: float = 0,
        cutmix: PairCutMix | None = None,
        paste: LesionPaste | None = None,
        feature_dropout: float = 0.0,
        scales: Sequence[float] = (1.0,),
        stride: int = 32,
    ):
        super().__init__(scales, stride)
        if not 0 <= weight < math.inf:
            raise InputError(f"consistency_weight {weight:g}: expected a number from 0 on")
        if not 0 <= feature_dropout < 1:
            raise InputError(f"feature_dropout {feature_dropout:g}: expected a probability from 0 to below 1")
        self.teacher = teacher
        self.batches = batches
        self.loss = loss
        self.weight = weight
        self.ramp_epochs = ramp_epochs
        self.cutmix = cutmix
        self.paste = paste
        self.feature_dropout = feature_dropout
        self._iterator: Iterator[Mapping[str, Any]] | None = None

    def __call__(self, engine: SupervisedTrainer, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Step once a scale and return the last step's output."""
        unlabelled = dict(next(self._batches_of_epoch(engine)))
        unlabelled[STRONG] = unlabelled[STRONG].transpose(0, 1).flatten(0, 1)  # (K * U, C, H, W)
        output: dict[str, Any] = {}
        for scale in self.scales:
            views = self.resize(unlabelled, scale, keys=(CommonKeys.IMAGE, STRONG))
            output = self._step(engine, self.resize(batch, scale), views)
        return output

    def ramp(self, epochs: float) -> float:
        """Fraction of the weight that counts after a number of epochs."""
        return math.exp(-5 * (1 - min(epochs / self.ramp_epochs, 1)) ** 2) if self.ramp_epochs > 0 else 1.0

    def _batches_of_epoch(self, engine: SupervisedTrainer) -> Iterator[Mapping[str, Any]]:
        """The epoch's batches; all seeds of an epoch follow from those that :class:`EpochSeeds` has set."""
        steps_before, length = engine.state.iteration - 1, int(engine.state.epoch_length or 1)
        if self._iterator is None or steps_before % length == 0:
            views, cutmix, paste = torch.randint(2**31, (3,)).tolist()
            self._iterator = self.batches(steps_before, length - steps_before % length, views)
            for mixing, seed in ((self.cutmix, cutmix), (self.paste, paste)):
                if mixing is not None:
                    mixing.set_random_state(seed)
        return self._iterator

    def _step(self, engine: SupervisedTrainer, batch: Mapping[str, Any], unlabelled: Mapping[str, Any]) -> Any:
        prepared = engine.prepare_batch(batch, engine.state.device, engine.non_blocking, **engine.to_kwargs)
        image, target = (part.as_tensor() if hasattr(part, "as_tensor") else part for part in prepared[:2])
        views, probability = self._views(engine, unlabelled, image, target[:, :-1])
        output: dict[str, Any] = {CommonKeys.IMAGE: image, CommonKeys.LABEL: target}
        engine.state.output = output
        engine.network.train()
        engine.optimizer.zero_grad(set_to_none=engine.optim_set_to_none)
        perturbed = len(unlabelled[CommonKeys.IMAGE]) if self.feature_dropout else 0
        with _dropped_features(engine.network, perturbed, self.feature_dropout):
            maps = engine.inferer(torch.cat([image, views]), engine.network)
        own = len(image)
        if isinstance(maps, Tensor):
            output[CommonKeys.PRED], students = maps[:own], [maps[own:]]
        else:
            output[CommonKeys.PRED] = [logits[:own] for logits in maps]
            students = [logits[own:] for logits in maps[:-1]]  # all but the edge map
        engine.fire_event(IterationEvents.FORWARD_COMPLETED)
        self._losses(engine, output, students, probability)
        engine.fire_event(IterationEvents.LOSS_COMPLETED)
        output[CommonKeys.LOSS].backward()
        engine.fire_event(IterationEvents.BACKWARD_COMPLETED)
        engine.optimizer.step()
        engine.fire_event(IterationEvents.MODEL_COMPLETED)
        return output

    def _losses(
        self, engine: SupervisedTrainer, output: dict[str, Any], students: Sequence[Tensor], probability: Tensor
    ) -> None:
        """Add the losses, and how much the teacher is sure of, to the step's output."""
        labelled = engine.loss_function(output[CommonKeys.PRED], output[CommonKeys.LABEL]).mean()
        unlabelled = self.loss(students, probability)
        weight = self.weight * self.ramp((engine.state.iteration - 1) / (engine.state.epoch_length or 1))
        output[CommonKeys.LOSS] = labelled + weight * unlabelled
        output["labelled_loss"], output["unlabelled_loss"] = labelled.detach(), unlabelled.detach()
        output["confident_fraction"] = self.loss.confident(probability).float().mean()
        output["pseudo_lesion_fraction"] = (probability > self.loss.above).float().mean()

    def _views(
        self, engine: SupervisedTrainer, unlabelled: Mapping[str, Any], donors: Tensor, masks: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Views for the network ``(V * U, C, H, W)`` and the teacher's probability ``(V * U, 1, H, W)`` of each."""
        weak, strong = (unlabelled[key].to(engine.state.device) for key in (CommonKeys.IMAGE, STRONG))
        with eval_mode(self.teacher):
            taught = torch.sigmoid(engine.inferer(weak, self.teacher))
        lungs = lung_pixels(weak) if self.paste is not None else None
        views, probabilities = [], []
        for view in strong.split(len(weak)):
            probability = taught
            if self.paste is not None and lungs is not None:
                view, probability = self.paste(view, probability, lungs, donors, masks)
            if self.cutmix is not None:
                view, probability = self.cutmix(view, probability)
            views.append(view)
            probabilities.append(probability)
        if self.feature_dropout:
            views.append(weak)
            probabilities.append(taught)
        return torch.cat(views), torch.cat(probabilities)


@contextmanager
def _dropped_features(network: nn.Module, rows: int, probability: float) -> Iterator[None]:
    """Drop channels of the encoder's features in the last rows of each batch, while the block runs."""
    if not rows:
        yield
        return
    encoder: Any = getattr(network, "module", network).encoder

    def drop(_: nn.Module, __: Any, features: Sequence[Tensor]) -> list[Tensor]:
        return [torch.cat([level[:-rows], functional.dropout2d(level[-rows:], probability)]) for level in features]

    hook = encoder.register_forward_hook(drop)
    try:
        yield
    finally:
        hook.remove()
