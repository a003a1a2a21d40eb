"""What a propagation of labels is asked to do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infnet_monai.comparison.options import PLACES, check_overrides, parse_overrides
from infnet_monai.errors import InputError
from infnet_monai.training.methods import Method

__all__ = ["PropagationOptions", "parse_bundle_overrides"]

SET_HERE = {
    "epochs": "give --epochs",
    "seed": "give --seed",
    "dataset_dir": "give --dataset-dir",
    "init_weights": "give --weights",
    **dict.fromkeys(PLACES, "the propagation sets it itself"),
}
# The rate that the bundles' training ends with, after its decay.
ROUND_RATE = 0.1


@dataclass(frozen=True)
class PropagationOptions:
    """Options of a propagation of labels.

    Args:
        dataset_dir: Folder that holds the ``dataset.json`` of the labelled data.
        unlabelled_dir: Folder of the unlabelled slices, as pictures.
        output_dir: Folder of all results.
        method: The bundle.
        weights: A model trained on the labelled data; None to train one first.
        group_size: Slices that are labelled in one round.
        iterations: Batches of fine-tuning in each round.
        round_learning_rate: Of this fine-tuning; None for a tenth of the bundle's.
        threshold: Probabilities of at least this are lesion in a pseudo label.
        epochs: Length of the training on labelled data and on pseudo labels; None for what the bundle says.
        fine_tune_epochs: Length of the last training, on labelled data; None for that of the others.
        fine_tune_learning_rate: Of the last training; None for the bundle's.
        seed: Of the groups and of all trainings.
        axes: Where rows and columns of the unlabelled pictures run to, where not as in the labelled ones: rules of
            :func:`infnet_monai.semi.picture_axes.axes_of_pictures`.
        overrides: Config items handed on to every training.
        overlay: Name of a second config file in the bundle's configs folder.

    Raises:
        InputError: A number is out of range, a config file is missing, or an override names no item of the bundle.
    """

    dataset_dir: Path
    unlabelled_dir: Path
    output_dir: Path
    method: Method
    weights: Path | None = None
    group_size: int = 5
    iterations: int = 50
    round_learning_rate: float | None = None
    threshold: float = 0.5
    epochs: int | None = None
    fine_tune_epochs: int | None = None
    fine_tune_learning_rate: float | None = None
    seed: int = 0
    axes: Sequence[str] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    overlay: str | None = None

    def __post_init__(self) -> None:
        for name in ("group_size", "iterations", "epochs", "fine_tune_epochs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} {value}: expected at least 1")
        for name in ("round_learning_rate", "fine_tune_learning_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name} {value:g}: expected a number above 0")
        if not 0 < self.threshold < 1:
            raise InputError(f"threshold {self.threshold:g}: expected a probability between 0 and 1")
        check_overrides(self.overrides, self.method.config(self.overlay), self.method.name)

    def bundle_value(self, name: str) -> Any:
        """A plain value of the bundle's configuration, with the overrides."""
        return {**self.method.config(self.overlay), **self.overrides}[name]

    def training_epochs(self) -> int:
        """Length of the training on labelled data and on pseudo labels."""
        return self.epochs or int(self.bundle_value("epochs"))

    def rate_of_rounds(self) -> float:
        """Learning rate of the fine-tuning in the rounds."""
        return self.round_learning_rate or ROUND_RATE * float(self.bundle_value("learning_rate"))


def parse_bundle_overrides(pairs: Sequence[str]) -> dict[str, Any]:
    """Read ``NAME=VALUE`` pairs; values are JSON, anything else is text.

    Raises:
        InputError: A pair has no name or no value, or names what a propagation sets itself.

    Example:
        >>> parse_bundle_overrides(["image_size=[64,64]", "pretrained=false"])
        {'image_size': [64, 64], 'pretrained': False}
    """
    return parse_overrides(pairs, SET_HERE)
