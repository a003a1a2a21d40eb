"""The folder of one training of a bundle, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

__all__ = ["TrainingFolder"]


class TrainingFolder:
    """What lies where in the folder of a training; a base for what is known of that training.

    Attributes:
        folder: Holds everything of the training.
    """

    folder: Path

    @property
    def config_path(self) -> Path:
        """The options that it was started with."""
        return self.folder / "config.json"

    @property
    def log(self) -> Path:
        """What the bundle's processes wrote."""
        return self.folder / "log.txt"

    @property
    def weights(self) -> Path:
        """The trained model."""
        return self.folder / "models" / "model.pt"

    @property
    def last_state(self) -> Path:
        """What an interrupted training goes on from."""
        return self.folder / "models" / "last.pth"

    @property
    def training_record(self) -> Path:
        """Written by the bundle once the training is finished."""
        return self.folder / "training" / "run.json"

    @property
    def curve(self) -> Path:
        """The learning curve."""
        return self.folder / "training" / "metrics.csv"

    def completed_epochs(self) -> int:
        """Epochs of the learning curve so far."""
        try:
            return int(pd.read_csv(self.curve)["epoch"].iloc[-1])
        except (OSError, ValueError, KeyError, IndexError):  # not there yet, or just being written
            return 0
