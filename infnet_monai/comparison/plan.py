"""The runs of a comparison: where each lies, with which options, and how far it has come."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from infnet_monai.comparison.folds import fold_dir
from infnet_monai.comparison.options import ComparisonOptions, changed_options, check_overrides
from infnet_monai.data.datalist import DATALIST_NAME
from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256
from infnet_monai.training.methods import Method
from infnet_monai.training.training_folder import TrainingFolder

__all__ = ["Run", "check_run", "plan_runs"]

logger = logging.getLogger(__name__)

# Item of a run's configuration with what is no option of the bundle, but must stay the same.
FACTS = "comparison"
FINAL_MODEL = {"best_model#_target_": "infnet_monai.handlers.FinalModel"}


@dataclass(frozen=True)
class Run(TrainingFolder):
    """One training and its evaluation.

    Args:
        method: What is trained.
        seed: Of the training.
        fold: Of the cross-validation, from 1; None without one.
        folder: Holds everything of the run.
        dataset_dir: Folder of the ``dataset.json`` that it reads.
        config_files: Of the bundle's training, the later over the earlier.
        evaluation_files: Those that go over them in the evaluation.
        config: Config items that differ from the bundle's, and under ``comparison`` what else must stay the same.
        epochs: Length of the training.
    """

    method: Method
    seed: int
    fold: int | None
    folder: Path
    dataset_dir: Path
    config_files: Sequence[Path]
    evaluation_files: Sequence[Path]
    config: Mapping[str, Any]
    epochs: int

    @property
    def name(self) -> str:
        """Method, seed and fold in words."""
        return f"{self.method.name}, seed {self.seed}" + ("" if self.fold is None else f", fold {self.fold}")

    @property
    def record(self) -> Path:
        """Written once the run is evaluated."""
        return self.folder / "finished.json"

    @property
    def lock(self) -> Path:
        """Held by the process that works on the run."""
        return self.folder / "lock"

    @property
    def evaluation_facts(self) -> dict[str, str]:
        """What the evaluation is done by: a run that was evaluated by something else is evaluated anew."""
        return _hashes(self.evaluation_files)

    @property
    def finished(self) -> bool:
        """Whether the run is trained, and evaluated as is asked for now."""
        if not self.record.is_file():
            return False
        record = json.loads(self.record.read_text(encoding="utf-8"))
        return record.get("evaluation") == self.evaluation_facts

    @property
    def evaluation(self) -> Path:
        """Folder of the evaluation's tables."""
        return self.folder / "test"

    def completed_epochs(self) -> int:
        """Epochs of the learning curve so far, all of them once the training is finished."""
        return self.epochs if self.training_record.is_file() else super().completed_epochs()


def plan_runs(options: ComparisonOptions) -> list[Run]:
    """List all runs: every method with the first seed (and fold), then every method with the next.

    Raises:
        InputError: A config file is missing, or an override names no item of a bundle.
    """
    datalist_sha256 = file_sha256(options.dataset_dir / DATALIST_NAME)
    configs = {method.name: method.config(options.overlay) for method in options.methods}
    folds = [None] if options.folds is None else range(1, options.folds + 1)
    runs = []
    for seed, fold, method in product(options.seeds, folds, options.methods):
        config = configs[method.name]
        check_overrides(options.overrides, config, method.name)
        name = f"seed_{seed}" + ("" if fold is None else f"_fold_{fold}_of_{options.folds}")
        runs.append(
            Run(
                method,
                seed,
                fold,
                folder=options.output_dir / "runs" / method.name / name,
                dataset_dir=options.dataset_dir if fold is None else fold_dir(options.output_dir, fold),
                config_files=method.config_files(options.overlay),
                evaluation_files=method.evaluation_files(options.evaluation_overlay),
                config=_run_config(method, options, seed, fold, datalist_sha256),
                epochs=options.epochs or int(config["epochs"]),
            )
        )
    return runs


def _run_config(
    method: Method, options: ComparisonOptions, seed: int, fold: int | None, datalist_sha256: str
) -> dict[str, Any]:
    return {
        **method.overrides,
        **({} if fold is None else FINAL_MODEL),
        **options.overrides,
        **({"epochs": options.epochs} if options.epochs else {}),
        "seed": seed,
        FACTS: {
            "bundle": method.bundle.name,
            **_hashes(method.config_files(options.overlay)),
            f"sha256 of {DATALIST_NAME}": datalist_sha256,
            "fold": fold,
            "folds": options.folds,
        },
    }


def _hashes(files: Sequence[Path]) -> dict[str, str]:
    return {f"sha256 of {file.name}": file_sha256(file) for file in files}


def check_run(run: Run, retrain: bool) -> None:
    """Compare the options of a run with those that it was started with before, if it has been trained at all.

    Args:
        run: The run.
        retrain: Set aside a run of other options, so that it is trained anew.

    Raises:
        InputError: The run was started with other options, and ``retrain`` is not set.
    """
    if not run.config_path.is_file() or not (run.last_state.is_file() or run.training_record.is_file()):
        return
    before = json.loads(run.config_path.read_text(encoding="utf-8"))
    changed = changed_options(before, run.config, FACTS, shown=40)
    if not changed:
        return
    if not retrain:
        raise InputError(
            f"{run.folder}: was run with other options ({'; '.join(changed)}); give those again, train it anew with "
            "--retrain, or name another output folder"
        )
    earlier = run.folder.with_name(f"earlier-{time.strftime('%Y%m%d-%H%M%S')}-{run.folder.name}")
    os.rename(run.folder, earlier)
    logger.info("%s: trained anew, since options have changed (%s); kept in %s", run.name, "; ".join(changed), earlier)
