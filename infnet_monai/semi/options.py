"""What a propagation of labels is asked to do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infnet_monai.errors import InputError
from infnet_monai.training.recipe import PLACES, Recipe

__all__ = ["SET_HERE", "PropagationOptions"]

# Items of a bundle that no override may name, with what to do instead.
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
        recipe: Recipe of all trainings, and of the fine-tuning in the rounds.
        weights: Model trained on the labelled data; None to train one first.
        group_size: Number of slices that are labelled in one round.
        iterations: Number of batches of fine-tuning in each round.
        round_learning_rate: Learning rate of this fine-tuning; None for a tenth of the bundle's.
        threshold: Probability from which a pixel is lesion in a pseudo label.
        epochs: Length of the training on labelled data and on pseudo labels; None for what the bundle says.
        fine_tune_epochs: Length of the last training, on labelled data; None for that of the others.
        fine_tune_learning_rate: Learning rate of the last training; None for the bundle's.
        seed: Seed of the groups and of all trainings.
        axes: Where rows and columns of the unlabelled pictures run to, where not as in the labelled ones: rules of
            :func:`infnet_monai.semi.picture_axes.axes_of_pictures`.

    Raises:
        InputError: A number is out of range.
    """

    dataset_dir: Path
    unlabelled_dir: Path
    output_dir: Path
    recipe: Recipe
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

    def training_epochs(self) -> int:
        """Length of the training on labelled data and on pseudo labels."""
        return self.epochs or int(self.recipe.value("epochs"))

    def rate_of_rounds(self) -> float:
        """Learning rate of the fine-tuning in the rounds."""
        return self.round_learning_rate or ROUND_RATE * float(self.recipe.value("learning_rate"))
