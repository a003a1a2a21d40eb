"""A site of a federated training: what it does with the weights that it receives."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import FlStatistics
from monai.fl.utils.exchange_object import ExchangeObject
from numpy.typing import NDArray
from torch import nn

from infnet_monai.errors import unwrapped_input_errors
from infnet_monai.federated.plan import FederatedPlan, SitePlaces
from infnet_monai.federated.proximal import ProximalTerm
from infnet_monai.federated.weights import exchanged_names, local_names
from infnet_monai.files import atomic_write
from infnet_monai.networks.model_weights import read_tensors

__all__ = ["FederatedSite", "LocalUpdate"]

Weights = Mapping[str, NDArray[np.floating]]
LOCAL_STATE = "local.pt"


class LocalUpdate(NamedTuple):
    """What a site returns for a round: nothing but this leaves it.

    Attributes:
        difference: Trained minus received weights by the tensors' names.
        steps: Number of optimiser steps, the weight of this update in the average.
        metrics: ``train_loss``, the mean over the steps, and ``val_dice`` of the received weights.
    """

    difference: dict[str, NDArray[np.float32]]
    steps: int
    metrics: dict[str, float]


class FederatedSite:
    """A site: it trains and validates the weights of a round on its own data, by :class:`monai.fl.client.MonaiAlgo`.

    The optimiser's state stays from round to round. A site that was killed starts with a new one at the learning rate
    of the round; with ``batch_norm="local"`` its own batch normalisation is read from ``local.pt``.

    Args:
        plan: What all sites agree on.
        places: Folders of the site.

    Raises:
        InputError: There is no data set, or it cannot be used.
    """

    def __init__(self, plan: FederatedPlan, places: SitePlaces):
        self.plan, self.places = plan, places
        logging.getLogger("monai.fl.client.monai_algo").setLevel(logging.WARNING)
        self.workflow = _workflow(plan, places)
        self.algo = MonaiAlgo(
            bundle_root=str(plan.recipe().bundle),
            local_epochs=plan.local_epochs,
            config_evaluate_filename=None,
            train_workflow=self.workflow,
        )
        with unwrapped_input_errors(), warnings.catch_warnings():
            # The bundle is the site's own: no server has sent its configuration.
            warnings.filterwarnings("ignore", message="executing the bundle config")
            self.algo.initialize({})
            # One workflow for both, so that validation sees the site's own batch normalisation and reads no data twice.
            self.algo.evaluator = self.workflow.evaluator
        self._losses: list[float] = []
        self.trainer.add_event_handler(Events.ITERATION_COMPLETED, self._note_loss)
        if plan.algorithm == "fedprox":
            ProximalTerm(plan.mu).attach(self.trainer)
        self._kept = local_names(self.network) if plan.batch_norm == "local" else frozenset()
        self._own: dict[str, Any] = self._read_local_state()

    @property
    def trainer(self) -> Any:
        """The engine that trains."""
        return self.algo.trainer

    @property
    def network(self) -> nn.Module:
        """The network that is trained."""
        return self.trainer.network

    def train(self, weights: Weights, round_index: int) -> LocalUpdate:
        """Validate the received weights, train from them, and return what has changed.

        Args:
            weights: Weights by name, each of the shape of the network's tensor.
            round_index: Number of rounds before this one.

        Raises:
            ValueError: The weights became NaN.
        """
        metrics = self.evaluate(weights)
        self._continue_schedule(round_index * self.plan.local_epochs)
        self._losses.clear()
        self.algo.train(self._received(weights))
        trained = self.algo.get_weights()
        if self._kept:
            self._own = {name: self.network.state_dict()[name].detach().cpu().clone() for name in self._kept}
            with atomic_write(self.places.folder / LOCAL_STATE) as draft:
                torch.save(self._own, draft)
        names = exchanged_names(self.network) - self._kept
        difference = {name: trained.weights[name].float().numpy() for name in sorted(names)}
        loss = float(np.mean(self._losses)) if self._losses else float("nan")
        steps = int(trained.statistics[FlStatistics.NUM_EXECUTED_ITERATIONS])
        return LocalUpdate(difference, steps, {"train_loss": loss, "val_dice": metrics["val_dice"]})

    def evaluate(self, weights: Weights) -> dict[str, float]:
        """Measure weights on the site's validation cases.

        Args:
            weights: Weights by name.

        Returns:
            Metrics of the bundle's evaluator by name.
        """
        metrics = self.algo.evaluate(self._received(weights)).metrics
        return {name: float(value) for name, value in metrics.items() if np.ndim(value) == 0}

    def state_dict(self, weights: Weights) -> dict[str, torch.Tensor]:
        """Return weights as the bundle's state dict, with the site's own batch normalisation where that is local.

        Args:
            weights: Weights by name.
        """
        received = self._received(weights).weights or {}
        return {name: received.get(name, tensor.cpu()) for name, tensor in self.network.state_dict().items()}

    def _received(self, weights: Weights) -> ExchangeObject:
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
        return ExchangeObject(weights={**tensors, **self._own})

    def _read_local_state(self) -> dict[str, Any]:
        path = self.places.folder / LOCAL_STATE
        return read_tensors(path) if self._kept and path.is_file() else {}

    def _continue_schedule(self, epochs: int) -> None:
        """Bring a trainer that has not seen the epochs before, since its process is new, to the epoch of the round."""
        state = self.trainer.state
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
            for _ in range(epochs - state.epoch):
                self.workflow.parser.get_parsed_content("lr_scheduler").step()
        state.epoch = epochs
        state.iteration = epochs * len(self.trainer.data_loader)

    def _note_loss(self, engine: Any) -> None:
        self._losses.append(float(engine.state.output["loss"].detach()))


def _workflow(plan: FederatedPlan, places: SitePlaces) -> ConfigWorkflow:
    recipe = plan.recipe()
    folders = {"bundle_root": recipe.bundle, "dataset_dir": places.dataset_dir}
    folders |= {"ckpt_dir": places.folder, "output_dir": places.folder}
    return ConfigWorkflow(
        config_file=[str(file) for file in recipe.config_files()],
        workflow_type="train",
        logging_file=False,
        **{**recipe.overrides, **{name: str(Path(folder)) for name, folder in folders.items()}},
    )
