"""Trained models with the cases that each has not seen: the folds of a cross-validation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infnet_monai.comparison.folds import fold_dir
from infnet_monai.data.datalist import load_datalist, read_datalist
from infnet_monai.errors import InputError
from infnet_monai.files import natural_key

__all__ = ["HeldOutModel", "find_held_out", "unseen_test_cases"]

FOLD = re.compile(r"fold_(\d+)_of_\d+")
EXPECTED = "expected the output folder of workflows/compare_backbones.py --folds N with this bundle among its runs"


@dataclass(frozen=True)
class HeldOutModel:
    """A trained model, what it was trained on and what it was not.

    Attributes:
        name: Name, unique among the models of a calibration.
        weights: File of weights.
        training: Items of the training data, see :func:`infnet_monai.data.datalist.load_datalist`.
        held_out: Items that were used for nothing.
    """

    name: str
    weights: Path
    training: Sequence[dict[str, Any]]
    held_out: Sequence[dict[str, Any]]


def find_held_out(comparison_dir: str | Path, bundle: str) -> list[HeldOutModel]:
    """Find the finished fold models of a bundle; folds whose training is not finished are left out.

    Args:
        comparison_dir: Folder that ``workflows/compare_backbones.py --folds N`` has written.
        bundle: Name of the bundle.

    Returns:
        The models, first by fold, then by seed.

    Raises:
        InputError: There is none.
    """
    folder = Path(comparison_dir)
    found = []
    for run in sorted((folder / "runs" / bundle).glob("*_fold_*_of_*"), key=lambda path: natural_key(path.name)):
        fold, weights = FOLD.search(run.name), run / "models" / "model.pt"
        if fold is None or not (run / "finished.json").is_file() or not weights.is_file():
            continue
        data = fold_dir(folder, int(fold[1]))
        name = f"{folder.resolve().name}_{run.name}"
        found.append(HeldOutModel(name, weights, load_datalist(data, "training"), load_datalist(data, "test")))
    if not found:
        raise InputError(f"{folder}: no finished fold of {bundle}; {EXPECTED}")
    return found


def unseen_test_cases(weights: str | Path, dataset_dir: str | Path) -> HeldOutModel:
    """Return a single model with the test section of its data set as what it has not seen.

    Args:
        weights: File of weights, trained on the training section.
        dataset_dir: Folder that holds ``dataset.json``. Its validation section counts neither as training nor as
            held out: it may have chosen the epoch.

    Raises:
        InputError: The data set cannot be read, or has no test section.
    """
    folder = Path(dataset_dir)
    name = str(read_datalist(folder).get("name") or folder.resolve().name).replace("/", "_")
    training, held_out = load_datalist(folder, "training"), load_datalist(folder, "test")
    return HeldOutModel(f"test_of_{name}", Path(weights), training, held_out)
