"""Training of a bundle in a process of its own, from wherever it stands."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infnet_monai.training.child import bundle_command, last_words, run_child
from infnet_monai.training.claim import claim_stage
from infnet_monai.training.methods import Method
from infnet_monai.training.progress import stage_bar
from infnet_monai.training.training_folder import TrainingFolder

__all__ = ["BundleTraining", "TrainingFailed", "complete_training"]

logger = logging.getLogger(__name__)


class TrainingFailed(RuntimeError):
    """The process of a training ended with an error."""


@dataclass(frozen=True)
class BundleTraining(TrainingFolder):
    """One training of a bundle.

    Args:
        title: What is trained on what, in words.
        folder: Holds everything of the training.
        method: The bundle.
        dataset_dir: Folder of the ``dataset.json`` that is trained on.
        config: Config items that differ from the bundle's, with facts under ``semi``.
        epochs: Length of the training.
        overlay: Name of a second config file in the bundle's configs folder.
        init_weights: Model that the training starts from; None for the bundle's own start.
    """

    title: str
    folder: Path
    method: Method
    dataset_dir: Path
    config: Mapping[str, Any]
    epochs: int
    overlay: str | None = None
    init_weights: Path | None = None


def complete_training(training: BundleTraining) -> Path:
    """Train, unless that has been done; an interrupted training goes on from its last epoch.

    Args:
        training: The training; its folder is made if needed.

    Returns:
        File of the weights.

    Raises:
        InputError: The training was started with other options before.
        TrainingFailed: The process ended with an error; the message is its last line and the log's path.
    """
    config_path = claim_stage(training.folder, training.config)
    if training.training_record.is_file():
        logger.info("%s: finished before.", training.title)
        return training.weights
    command = _command(training, config_path)
    done = training.completed_epochs() if training.last_state.is_file() else 0
    with stage_bar(training.title, training.epochs, done, "epoch") as bar:

        def show() -> None:
            bar.update(max(0, training.completed_epochs() - bar.n))

        status = run_child(command, training.log, show)
        show()
    if status != 0:
        raise TrainingFailed(
            f"{training.title}: ended with status {status}: {last_words(training.log)} (log: {training.log}). The "
            f"same command goes on from its last epoch; remove {training.folder} to train it anew"
        )
    # Three times the room of the weights, and of no more use.
    training.last_state.unlink(missing_ok=True)
    return training.weights


def _command(training: BundleTraining, config_path: Path) -> list[str]:
    start = {} if training.init_weights is None else {"init_weights": training.init_weights}
    return bundle_command(
        "training",
        [*training.method.config_files(training.overlay), config_path],
        bundle_root=training.method.bundle,
        dataset_dir=training.dataset_dir,
        ckpt_dir=training.folder / "models",
        output_dir=training.folder / "training",
        resume=str(training.last_state.is_file()).lower(),
        **start,
    )
