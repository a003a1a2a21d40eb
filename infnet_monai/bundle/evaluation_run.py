"""Start and end of a bundle's evaluation."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sized
from pathlib import Path

import ignite.distributed as idist
from torch import nn

from infnet_monai.errors import InputError
from infnet_monai.networks.model_weights import load_model_weights

__all__ = ["finish_evaluation", "start_evaluation"]

logger = logging.getLogger(__name__)


def start_evaluation(network: nn.Module, weights: str | Path, cases: Sized) -> None:
    """Load the weights.

    Args:
        network: The network to load into.
        weights: File of a plain state dict, as training writes it.
        cases: The cases to evaluate.

    Raises:
        InputError: The weights cannot be loaded, or there are more processes than cases.
    """
    if len(cases) < idist.get_world_size():
        raise InputError(f"{len(cases)} cases for {idist.get_world_size()} processes: start at most one for each case")
    load_model_weights(network, weights)
    logger.info("Evaluating %s", weights)


def finish_evaluation(metrics: Mapping[str, float], output_dir: str | Path) -> None:
    """Say the metrics and where the tables are stored.

    Args:
        metrics: Metrics of the evaluator.
        output_dir: Folder of the tables.
    """
    if idist.get_rank() == 0:
        logger.info("Slices with lesion: %s", ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
        logger.info("Tables and picture: %s", output_dir)
