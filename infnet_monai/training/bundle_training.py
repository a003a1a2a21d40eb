"""One training of a bundle in a process of its own, from wherever it was interrupted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from infnet_monai.data.datalist import DATALIST_NAME
from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256
from infnet_monai.stage import hold_lock
from infnet_monai.training.child import WorkflowFailed, bundle_command, run_workflow
from infnet_monai.training.claim import (
    CONFIG_NAME,
    FACTS,
    changed_options,
    claim_options,
    discard_drafts,
    read_record,
    wait_for_lock,
)
from infnet_monai.training.progress import stage_bar
from infnet_monai.training.recipe import Recipe

__all__ = ["DATALIST_SHA256", "BundleTraining"]

logger = logging.getLogger(__name__)

DATALIST_SHA256 = f"sha256 of {DATALIST_NAME}"


@dataclass(frozen=True, kw_only=True)
class BundleTraining:
    """One training: it claims its folder, runs, resumes, completes and reads itself.

    :meth:`complete` is all that most callers need. Whatever ends this process, the same call again resumes: the lock
    of the folder is held by the training's own process, too, so that one which outlives its parent is waited for.

    Args:
        name: What is trained on what, in words.
        recipe: What it trains by.
        folder: Folder of everything that the training writes; its lock is beside it.
        dataset_dir: Folder of the ``dataset.json`` that is trained on.
        epochs: Length of the training.
        seed: Seed of the training.
        init_weights: Weights of a whole network to start from; None for the bundle's own start.
        facts: What else must stay the same in later calls, by name; JSON. ``sha256 of dataset.json`` may be given
            here where the data set is derived from another one.

    Example:
        >>> training = BundleTraining(
        ...     name="VGG16 on my data", recipe=Recipe.find("vgg16"), folder=Path("out/vgg16"),
        ...     dataset_dir=Path("data"), epochs=50,
        ... )
        >>> training.complete()  # doctest: +SKIP
        PosixPath('out/vgg16/models/model.pt')
    """

    name: str
    recipe: Recipe
    folder: Path
    dataset_dir: Path
    epochs: int
    seed: int = 0
    init_weights: Path | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config_path(self) -> Path:
        """Record of the options that the training was started with, a config file over the recipe's."""
        return self.folder / CONFIG_NAME

    @property
    def log(self) -> Path:
        """Output of the bundle's processes."""
        return self.folder / "log.txt"

    @property
    def weights(self) -> Path:
        """The trained model."""
        return self.folder / "models" / "model.pt"

    @property
    def last_state(self) -> Path:
        """State that an interrupted training resumes from."""
        return self.folder / "models" / "last.pth"

    @property
    def training_record(self) -> Path:
        """Record that the bundle writes once the training is finished."""
        return self.folder / "training" / "run.json"

    @property
    def curve(self) -> Path:
        """The learning curve."""
        return self.folder / "training" / "metrics.csv"

    @property
    def lock_path(self) -> Path:
        """Lock of the folder; beside it, so that a folder that is moved away takes no lock with it."""
        return self.folder.with_name(f".{self.folder.name}.lock")

    @property
    def trained(self) -> bool:
        """Whether the training is finished."""
        return read_record(self.training_record) is not None

    @property
    def config(self) -> dict[str, Any]:
        """Config items that differ from the bundle's files, and under ``facts`` what else must stay the same."""
        facts: dict[str, Any] = {"bundle": self.recipe.name, **self.recipe.hashes(), **self.facts}
        if DATALIST_SHA256 not in facts:
            facts[DATALIST_SHA256] = file_sha256(self.dataset_dir / DATALIST_NAME)
        if self.init_weights is not None:
            facts["sha256 of init_weights"] = file_sha256(self.init_weights)
        return {**self.recipe.overrides, "epochs": self.epochs, "seed": self.seed, FACTS: facts}

    def completed_epochs(self) -> int:
        """Epochs of the learning curve so far, all of them once the training is finished."""
        if self.trained:
            return self.epochs
        try:
            return int(self.read_curve()["epoch"].iloc[-1])
        except (InputError, ValueError, OverflowError):  # not there yet, just being written, or cut off by a kill
            return 0

    def read_curve(self) -> pd.DataFrame:
        """Read the learning curve: a row a validation.

        Raises:
            InputError: The file is missing or damaged.
        """
        try:
            curve = pd.read_csv(self.curve)
        except (OSError, ValueError) as error:
            raise InputError(self._no_curve()) from error
        if "epoch" not in curve or curve.empty:
            raise InputError(self._no_curve())
        return curve

    def _no_curve(self) -> str:
        return f"{self.curve}: missing or damaged; remove {self.folder} to train again"

    def changed_options(self) -> list[str]:
        """Options that differ from those that the training was started with, in words; none before it has started."""
        return changed_options(self.folder, self.config) if self._started else []

    @property
    def _started(self) -> bool:
        return self.last_state.is_file() or self.training_record.is_file()

    def lock(self, wait: bool = False) -> AbstractContextManager[int]:
        """Hold the lock of the folder, see :func:`infnet_monai.stage.hold_lock`.

        Args:
            wait: Wait for the process that holds it instead of raising.

        Returns:
            Context manager that yields the lock's file descriptor, for :meth:`train`.

        Raises:
            StageBusy: Another process works on this training and ``wait`` is not set.
        """
        return hold_lock(self.lock_path, wait)

    def complete(self) -> Path:
        """Train to the end with a progress bar, unless that has been done.

        Returns:
            File of the weights.

        Raises:
            InputError: The training was started with other options before.
            WorkflowFailed: The process ended with an error; the message is its last line and the log's path.
        """
        with wait_for_lock(self.lock_path, self.name) as lock:
            finished_before = self.trained
            with stage_bar(self.name, self.epochs, self.completed_epochs(), "epoch", disable=finished_before) as bar:

                def show() -> None:
                    bar.update(max(0, self.completed_epochs() - bar.n))

                try:
                    self.train(lock, show)
                except WorkflowFailed as error:
                    raise WorkflowFailed(f"{self.name}: {error}") from error
                show()
        if finished_before:
            logger.info("%s: finished before.", self.name)
        return self.weights

    def train(self, lock: int, poll: Callable[[], None] = lambda: None) -> None:
        """Record the options and train, from the last completed epoch where there is one, unless that has been done.

        Args:
            lock: File descriptor of the lock, which must be held.
            poll: Function that is called about once a second.

        Raises:
            InputError: The training was started with other options before.
            WorkflowFailed: The process ended with an error.
        """
        claim_options(self.folder, self.config, self._started)
        discard_drafts(self.folder)
        if not self.trained:
            start = {} if self.init_weights is None else {"init_weights": self.init_weights}
            self._run_workflow(
                "training",
                [],
                lock,
                poll,
                output_dir=self.training_record.parent,
                resume=str(self.last_state.is_file()).lower(),
                **start,
            )
        # It takes three times the room of the weights, and is of no more use.
        self.last_state.unlink(missing_ok=True)

    def _run_workflow(
        self, run_id: str, more_files: list[Path], lock: int, poll: Callable[[], None], **items: object
    ) -> None:
        command = bundle_command(
            run_id,
            [*self.recipe.config_files(), self.config_path, *more_files],
            bundle_root=self.recipe.bundle,
            dataset_dir=self.dataset_dir,
            ckpt_dir=self.weights.parent,
            **items,
        )
        try:
            run_workflow(command, self.log, poll, lock)
        except WorkflowFailed as error:
            raise WorkflowFailed(
                f"{run_id} {error}. The same command resumes from the last epoch; remove {self.folder} to train again"
            ) from error
