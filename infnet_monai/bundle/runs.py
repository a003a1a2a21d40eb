"""Start and end of a bundle's runs: earlier results kept, the run's record, what was written where."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import pandas as pd
from torch import nn

from infnet_monai.bundle.errors import report_errors_in_one_line
from infnet_monai.networks.model_weights import load_model_weights
from infnet_monai.run_record import package_versions, write_json

__all__ = ["finish_evaluation", "finish_training", "start_evaluation", "start_training"]

logger = logging.getLogger(__name__)

TRAINING_FILES = ("metrics.csv", "metrics.png", "preview.png", "run.json")
CHECKPOINTS = ("model.pt", "last.pt")


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
    _set_aside(Path(ckpt_dir), CHECKPOINTS, stamp)
    _set_aside(Path(output_dir), TRAINING_FILES, stamp)


def _set_aside(folder: Path, names: tuple[str, ...], stamp: str) -> None:
    """Keep an earlier run's files: linked rather than moved, since the run may start from them."""
    earlier = [folder / name for name in names if (folder / name).is_file()]
    if not earlier:
        return
    target = folder / f"earlier-{stamp}"
    target.mkdir()
    for path in earlier:
        os.link(path, target / path.name)
    logger.info("Files of an earlier run are kept in %s.", target)


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
        ("Last state (for --resume true)", Path(ckpt_dir) / "last.pt"),
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
