"""Start and end of a bundle's runs: earlier results kept, the run's record, what was written where."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import pandas as pd
from torch import nn

from infnet_monai.errors import InputError, report_errors_in_one_line
from infnet_monai.files import back_up, write_json
from infnet_monai.inference.scan_dataset import ScanDataset
from infnet_monai.networks.model_weights import load_model_weights
from infnet_monai.run_record import package_versions

__all__ = [
    "finish_evaluation",
    "finish_inference",
    "finish_training",
    "load_init_weights",
    "start_evaluation",
    "start_inference",
    "start_training",
]

logger = logging.getLogger(__name__)

TRAINING_FILES = ("metrics.csv", "metrics.png", "preview.png", "run.json")
CHECKPOINTS = ("model.pt", "last.pth")


def start_training(bundle_root: str | Path, ckpt_dir: str | Path, output_dir: str | Path, resume: bool = False) -> None:
    """Prepare a training run: errors in one line, and an earlier run's files set aside.

    Args:
        bundle_root: Folder of the bundle.
        ckpt_dir: Folder of the checkpoints.
        output_dir: Folder of metrics and pictures.
        resume: An earlier run goes on: nothing is set aside.
    """
    report_errors_in_one_line()
    logger.info(
        "Training %s; checkpoints in %s, metrics in %s.", Path(bundle_root).resolve().name, ckpt_dir, output_dir
    )
    if resume or idist.get_rank() != 0:
        return
    stamp = time.strftime("%Y%m%d-%H%M%S")
    back_up(ckpt_dir, CHECKPOINTS, stamp)
    back_up(output_dir, TRAINING_FILES, stamp)


def load_init_weights(network: nn.Module, weights: str | Path | None, resume: bool = False) -> None:
    """Let a training start from the weights of a whole trained network, where some are named.

    Args:
        network: The network, or its DistributedDataParallel wrapper.
        weights: File of a plain state dict, as training writes it; ``None`` leaves the network as it is.
        resume: An earlier run goes on from its own last state: nothing is loaded.

    Raises:
        InputError: The file is missing, unreadable or of another network.
    """
    if weights is None or resume:
        return
    load_model_weights(getattr(network, "module", network), weights)
    logger.info("Starting from %s", weights)


def finish_training(
    ckpt_dir: str | Path, output_dir: str | Path, best_score: float | None, record: Mapping[str, Any]
) -> None:
    """Write the run's record and say where everything lies.

    Args:
        ckpt_dir: Folder of the checkpoints.
        output_dir: Folder of metrics and pictures.
        best_score: Best key metric of the validations, ``None`` without validation.
        record: Facts of the run for ``run.json``.
    """
    if idist.get_rank() != 0:
        return
    path = Path(output_dir) / "run.json"
    write_json({**record, "best_val_dice": best_score, "versions": package_versions()}, path)
    curve = Path(output_dir) / "metrics.csv"
    if best_score is not None and curve.is_file():
        logger.info("Validation Dice: %.4f before training, best %.4f", pd.read_csv(curve)["val_dice"][0], best_score)
    for label, file in (
        ("Best model", Path(ckpt_dir) / "model.pt"),
        ("Last state (for --resume true)", Path(ckpt_dir) / "last.pth"),
        ("Learning curve", curve),
        ("Picture of a validation case", Path(output_dir) / "preview.png"),
        ("Record of the run", path),
    ):
        if file.is_file():
            logger.info("%s: %s", label, file)


def start_evaluation(network: nn.Module, weights: str | Path) -> None:
    """Prepare an evaluation: errors in one line, and the weights loaded.

    Args:
        network: The network to load into.
        weights: File of a plain state dict, as training writes it.
    """
    report_errors_in_one_line()
    load_model_weights(network, weights)
    logger.info("Evaluating %s", weights)


def finish_evaluation(metrics: Mapping[str, float], output_dir: str | Path) -> None:
    """Say the metrics and where the tables lie.

    Args:
        metrics: Metrics of the evaluator.
        output_dir: Folder of the tables.
    """
    if idist.get_rank() == 0:
        logger.info("Slices with lesion: %s", ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
        logger.info("Tables and picture: %s", output_dir)


def start_inference(bundle_root: str | Path, scans: ScanDataset, output_dir: str | Path) -> None:
    """Prepare a segmentation of scans: nothing is overwritten.

    Args:
        bundle_root: Folder of the bundle.
        scans: What is to be segmented.
        output_dir: Folder of the masks.

    Raises:
        InputError: A mask is there already.
    """
    masks = [Path(output_dir) / f"{scan.name}_infection.nii.gz" for scan in scans.data]
    if existing := [mask for mask in masks if mask.exists()]:
        raise InputError(f"{existing[0]} is there already ({len(existing)} in all): move it or give another output_dir")
    logger.info("Segmenting %d scans with %s.", len(masks), Path(bundle_root).resolve().name)


def finish_inference(scans: ScanDataset, output_dir: str | Path) -> None:
    """Say where the masks lie; with scans that could not be used the run ends with an error.

    Args:
        scans: What was segmented.
        output_dir: Folder of the masks.

    Raises:
        InputError: There were such scans.
    """
    logger.info("%d masks (NAME_infection.nii.gz): %s", len(scans.data) - len(scans.failures), output_dir)
    if scans.failures:
        raise InputError(
            f"{len(scans.failures)} of {len(scans.data)} scans could not be used:\n" + "\n".join(scans.failures)
        )
