"""What a comparison is asked to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infnet_monai.comparison.baseline_networks import BASELINE_RECIPE, baseline_overrides
from infnet_monai.data.datalist import DATALIST_NAME
from infnet_monai.errors import InputError
from infnet_monai.training.recipe import PLACES, Recipe

__all__ = ["SET_HERE", "ComparisonOptions", "Method", "find_methods"]

# Items of a bundle that no override may name, with what to do instead.
SET_HERE = {
    "epochs": "give --epochs",
    "seed": "give --seeds",
    "dataset_dir": "give --dataset-dir",
    **dict.fromkeys(PLACES, "the comparison sets it itself"),
}


@dataclass(frozen=True)
class Method:
    """What is compared: a bundle, or a baseline trained by a bundle's recipe.

    Args:
        name: Name in tables and folders.
        recipe: What it is trained by, before the options of the comparison.
    """

    name: str
    recipe: Recipe


@dataclass(frozen=True)
class ComparisonOptions:
    """Options of a comparison.

    Args:
        dataset_dir: Folder that holds ``dataset.json``.
        output_dir: Folder of all results.
        methods: What is compared, in the order of the tables.
        seeds: Seeds; each method is trained once with each.
        folds: Number of folds of a cross-validation; None for the data set's own sections.
        extra_training: Folder of another data set whose training section joins the training of every fold; it is never
            validated nor measured.
        epochs: Length of training; None for what the bundles say.
        overrides: Config items of every run that go over the bundles'.
        overlay: Name of a second config file in each bundle's configs folder.
        evaluation_overlay: Name of a second config file of the evaluation.
        retrain: Train those again whose options have changed, instead of refusing.

    Raises:
        InputError: A number is out of range, a seed is given twice, or ``extra_training`` comes without ``folds``.
    """

    dataset_dir: Path
    output_dir: Path
    methods: Sequence[Method]
    seeds: Sequence[int] = (0,)
    folds: int | None = None
    extra_training: Path | None = None
    epochs: int | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    overlay: str | None = None
    evaluation_overlay: str | None = None
    retrain: bool = False

    def __post_init__(self) -> None:
        if len(set(self.seeds)) != len(self.seeds) or not self.seeds:
            raise InputError(f"seeds {', '.join(map(str, self.seeds)) or 'none'}: expected one or more different ones")
        if self.epochs is not None and self.epochs < 1:
            raise InputError(f"epochs {self.epochs}: expected at least 1")
        if self.extra_training is not None and self.folds is None:
            raise InputError(
                f"extra training {self.extra_training}: joins the folds of a cross-validation; give --folds, or list "
                f"its items in the training section of {self.dataset_dir / DATALIST_NAME}"
            )


def find_methods(bundles: Sequence[str], baselines: Sequence[str]) -> list[Method]:
    """Find bundles and make the baselines.

    Args:
        bundles: Names of this project's bundles, with or without ``infnet_``, or paths of bundles' folders.
        baselines: Names of baselines.

    Raises:
        InputError: One of them does not exist, or two have one name.

    Example:
        >>> [method.name for method in find_methods(["vgg16"], ["unet"])]
        ['infnet_vgg16', 'unet']
    """
    recipes = [Recipe.find(bundle) for bundle in bundles]
    methods = [Method(recipe.name, recipe) for recipe in recipes]
    methods += [Method(name, Recipe.find(BASELINE_RECIPE, overrides=baseline_overrides(name))) for name in baselines]
    names = [method.name for method in methods]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name}: named {names.count(name)} times; each is compared once")
    if not methods:
        raise InputError("nothing to compare: name bundles or baselines")
    return methods
