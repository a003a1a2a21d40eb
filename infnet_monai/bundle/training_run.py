"""A training of a bundle from start to end: its folder, where it starts from, and its record."""

from __future__ import annotations

import atexit
import logging
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from monai.engines import Evaluator, Trainer
from monai.handlers import CheckpointLoader
from monai.utils import set_determinism
from torch import nn

from infnet_monai.bundle.configuration import switch
from infnet_monai.errors import InputError
from infnet_monai.files import back_up, drafted_file, write_json
from infnet_monai.handlers import BestModel, LearningCurve
from infnet_monai.label_scheme import BINARY, SCHEME_FILE, LabelScheme, read_scheme
from infnet_monai.networks.model_weights import load_model_weights
from infnet_monai.run_record import package_versions
from infnet_monai.stage import hold_lock

__all__ = ["TrainingRun"]

logger = logging.getLogger(__name__)

MODEL, LAST_STATE = "model.pt", "last.pth"
CURVE, PREVIEW, RECORD = "metrics.csv", "preview.png", "run.json"
LOCK = ".training.lock"

# What this process holds, by folder: a training started again in one process, e.g. after an error, keeps its lock.
_held: dict[Path, ExitStack] = {}


class TrainingRun:
    """One training of a bundle.

    Args:
        bundle_root: Folder of the bundle.
        ckpt_dir: Folder of the checkpoints, which only one training may use at a time.
        output_dir: Folder of metrics and pictures.
        seed: Seed of all random numbers.
        resume: Whether to continue from ``last.pth``: ``True`` insists on that file, ``"auto"`` starts from the
            beginning where it does not exist.
        init_weights: File of a whole network's weights to start from, ``None`` for none.
        scheme: Lesion classes that are trained on; they are written beside the weights where there are several.

    Attributes:
        resuming: Whether the training continues from ``last.pth``.
    """

    def __init__(
        self,
        bundle_root: str | Path,
        ckpt_dir: str | Path,
        output_dir: str | Path,
        seed: int = 0,
        resume: bool | str = False,
        init_weights: str | Path | None = None,
        scheme: LabelScheme = BINARY,
    ):
        self.bundle_root = Path(bundle_root)
        self.ckpt_dir = Path(ckpt_dir)
        self.output_dir = Path(output_dir)
        self.seed = seed
        self.init_weights = init_weights
        self.scheme = scheme
        self.resume = switch(resume)
        self.resuming = self.resume is True or (self.resume == "auto" and (self.ckpt_dir / LAST_STATE).is_file())

    def start(self) -> None:
        """Lock the folder of the checkpoints, back up the files of an earlier training, and seed.

        Raises:
            InputError: Another process trains there, or ``resume`` has no legal value.
        """
        if self.resume not in (True, False, "auto"):
            raise InputError(f"resume {self.resume!r}: expected true, false or auto")
        if idist.get_rank() == 0:
            self._lock()
            if self.resuming and read_scheme(self.ckpt_dir / MODEL) != self.scheme:
                raise InputError(f"{self.ckpt_dir}: was trained on other classes; start from the beginning")
            if not self.resuming:
                stamp = time.strftime("%Y%m%d-%H%M%S")
                back_up(self.ckpt_dir, (MODEL, LAST_STATE, SCHEME_FILE), stamp)
                back_up(self.output_dir, (CURVE, Path(CURVE).stem + ".png", PREVIEW, RECORD), stamp)
            if not self.scheme.is_single:
                self.scheme.write(self.ckpt_dir / MODEL)
        name = self.bundle_root.resolve().name
        logger.info("Training %s; checkpoints in %s, metrics in %s.", name, self.ckpt_dir, self.output_dir)
        if self.resume == "auto":
            found = "resuming from it" if self.resuming else "does not exist, starting from the beginning"
            logger.info("%s: %s.", self.ckpt_dir / LAST_STATE, found)
        set_determinism(self.seed)

    def load_init_weights(self, network: nn.Module) -> None:
        """Load the weights to start from, where some are named and the training is not resumed.

        Args:
            network: The network.

        Raises:
            InputError: The file is missing, unreadable or of another network.
        """
        if self.init_weights is not None and not self.resuming:
            load_model_weights(network, self.init_weights)
            logger.info("Starting from %s", self.init_weights)

    def trained_before(self, handlers: Iterable[Any]) -> bool:
        """Tell whether the training starts from a whole network's weights: ``init_weights``, or those of a handler.

        Args:
            handlers: Handlers of the trainer; MONAI Label has its ``CheckpointLoader`` among them.
        """
        return self.init_weights is not None or any(isinstance(handler, CheckpointLoader) for handler in handlers)

    def finish(
        self,
        trainer: Trainer,
        evaluator: Evaluator,
        best_model: BestModel,
        curve: LearningCurve,
        encoder_weights: str,
    ) -> None:
        """Write the record and say where everything is stored.

        Args:
            trainer: The engine that has trained.
            evaluator: The engine that has validated.
            best_model: Knows the best score.
            curve: Knows the score before the first epoch.
            encoder_weights: Where the encoder's weights came from.
        """
        if idist.get_rank() != 0:
            return
        record = {
            "training": _images(trainer),
            "validation": _images(evaluator),
            "device": str(trainer.state.device),
            "epochs": trainer.state.max_epochs,
            "seed": self.seed,
            "init_weights": self.init_weights,
            "encoder_weights": encoder_weights,
            "best_val_dice": best_model.score,
            "versions": package_versions(),
            **({} if self.scheme.is_single else {"classes": self.scheme.as_dict()}),
        }
        write_json(record, self.output_dir / RECORD)
        first = curve.first(evaluator.state.key_metric_name)
        if best_model.score is not None and first is not None:
            logger.info("Validation Dice: %.4f before training, best %.4f", first, best_model.score)
        for title, file in (
            ("Model", self.ckpt_dir / MODEL),
            ("Last state (for --resume true)", self.ckpt_dir / LAST_STATE),
            ("Learning curve", self.output_dir / CURVE),
            ("Picture of a validation case", self.output_dir / PREVIEW),
            ("Record of the run", self.output_dir / RECORD),
        ):
            if file.is_file():
                logger.info("%s: %s", title, file)

    def close(self) -> None:
        """Unlock the folder of the checkpoints; the end of the process does it, too."""
        if lock := _held.pop(self.ckpt_dir.resolve(), None):
            lock.close()

    def _lock(self) -> None:
        self.close()
        lock = ExitStack()
        lock.enter_context(hold_lock(self.ckpt_dir / LOCK))
        _held[self.ckpt_dir.resolve()] = lock
        atexit.register(self.close)
        for path in self.ckpt_dir.iterdir():
            if drafted_file(path) in (MODEL, LAST_STATE):  # left by a killed process
                path.unlink()


def _images(engine: Any) -> list[str]:
    return [item["image"] for item in engine.data_loader.dataset.data]
