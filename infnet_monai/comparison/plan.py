"""The runs of a comparison: where each is stored, with which options, and how far it has come."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import product
from pathlib import Path
from typing import Any

from infnet_monai.comparison.folds import fold_dir
from infnet_monai.comparison.options import ComparisonOptions, Method
from infnet_monai.data.datalist import DATALIST_NAME
from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256, write_json
from infnet_monai.run_record import package_versions
from infnet_monai.training.bundle_training import DATALIST_SHA256, BundleTraining
from infnet_monai.training.claim import read_record
from infnet_monai.training.recipe import Recipe

__all__ = ["EVALUATION", "Run", "check_run", "plan_runs"]

logger = logging.getLogger(__name__)

EVALUATE = "evaluate.json"
EXTRA_TRAINING_SHA256 = f"sha256 of the extra training's {DATALIST_NAME}"
FINAL_MODEL = {"best_model#_target_": "infnet_monai.handlers.FinalModel"}
# Items that go over the bundle's evaluation.
EVALUATION = {
    "+validate#handlers": [{"_target_": "infnet_monai.comparison.examples.ExampleMasks", "output_dir": "@output_dir"}],
}


@dataclass(frozen=True, kw_only=True)
class Run(BundleTraining):
    """One training and its evaluation.

    Args:
        method: What is trained, a row of the tables; ``recipe`` is its recipe with the options of the comparison.
        fold: Fold of the cross-validation, from 1; None without one.
        evaluation_files: Config files that go over those of the training in the evaluation.
    """

    method: Method
    fold: int | None = None
    evaluation_files: Sequence[Path] = ()

    @property
    def record(self) -> Path:
        """Record that is written once the run is evaluated."""
        return self.folder / "finished.json"

    @property
    def evaluation(self) -> Path:
        """Folder of the evaluation's tables."""
        return self.folder / "test"

    @property
    def evaluation_facts(self) -> dict[str, str]:
        """What the evaluation is done by: a run that was evaluated by something else is evaluated again."""
        return {f"sha256 of {file.name}": file_sha256(file) for file in self.evaluation_files}

    @property
    def finished(self) -> bool:
        """Whether the run is trained, evaluated as is asked for now, and all that the tables need can be read."""
        record = read_record(self.record)
        if record is None or record.get("evaluation") != self.evaluation_facts or not self.trained:
            return False
        try:
            self.read_curve()
        except InputError:
            return False
        return read_record(self.evaluation / "summary.json") is not None

    def train_and_evaluate(self, lock: int, poll: Callable[[], None] = lambda: None) -> None:
        """Train and evaluate, as far as that has not been done.

        Args:
            lock: File descriptor of the lock, which must be held.
            poll: Function that is called about once a second.

        Raises:
            InputError: The run was started with other options before, or its learning curve is damaged.
            WorkflowFailed: A process ended with an error; the message is its last line and the log's path.
        """
        if self.finished:
            return
        self.train(lock, poll)
        self.read_curve()
        # A record never stands beside files of another evaluation, nor of one that was killed.
        self.record.unlink(missing_ok=True)
        shutil.rmtree(self.evaluation, ignore_errors=True)
        more = self.folder / "evaluation.json"
        write_json(EVALUATION, more)
        self._run_workflow("evaluating", [*self.evaluation_files, more], lock, poll, output_dir=self.evaluation)
        record = {
            "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "evaluation": self.evaluation_facts,
            "weights_sha256": file_sha256(self.weights),
            "versions": package_versions(),
        }
        write_json(record, self.record)


def plan_runs(options: ComparisonOptions) -> list[Run]:
    """List all runs: every method with the first seed (and fold), then every method with the next.

    Raises:
        InputError: A config file is missing, or an override names no item of a bundle.
    """
    facts: dict[str, Any] = {DATALIST_SHA256: file_sha256(options.dataset_dir / DATALIST_NAME), "folds": options.folds}
    if options.extra_training is not None:
        facts[EXTRA_TRAINING_SHA256] = file_sha256(options.extra_training / DATALIST_NAME)
    recipes = {method.name: _run_recipe(method, options) for method in options.methods}
    epochs = {name: options.epochs or int(recipe.value("epochs")) for name, recipe in recipes.items()}
    folds = [None] if options.folds is None else range(1, options.folds + 1)
    return [
        _plan_run(options, method, recipes[method.name], epochs[method.name], seed, fold, facts)
        for seed, fold, method in product(options.seeds, folds, options.methods)
    ]


def _run_recipe(method: Method, options: ComparisonOptions) -> Recipe:
    final_model: Mapping[str, str] = {} if options.folds is None else FINAL_MODEL
    return method.recipe.extended([options.overlay] if options.overlay else [], {**final_model, **options.overrides})


def _plan_run(
    options: ComparisonOptions,
    method: Method,
    recipe: Recipe,
    epochs: int,
    seed: int,
    fold: int | None,
    facts: Mapping[str, Any],
) -> Run:
    folder = f"seed_{seed}" + ("" if fold is None else f"_fold_{fold}_of_{options.folds}")
    overlays = [options.evaluation_overlay] if options.evaluation_overlay else []
    return Run(
        name=f"{method.name}, seed {seed}" + ("" if fold is None else f", fold {fold}"),
        recipe=recipe,
        folder=options.output_dir / "runs" / method.name / folder,
        dataset_dir=options.dataset_dir if fold is None else fold_dir(options.output_dir, fold),
        epochs=epochs,
        seed=seed,
        # A fold's own datalist names the files by absolute paths, which may change.
        facts={**facts, "fold": fold},
        method=method,
        fold=fold,
        evaluation_files=recipe.files(EVALUATE, *overlays),
    )


def check_run(run: Run, retrain: bool) -> None:
    """Compare the options of a run with those that it was started with before, if it has been trained at all.

    Args:
        run: The run.
        retrain: Move a run of other options to another name, so that it is trained again.

    Raises:
        InputError: The run was started with other options, and ``retrain`` is not set.
        StageBusy: The run is to be moved, and another process works on it.
    """
    changed = run.changed_options()
    if changed and not retrain:
        raise InputError(
            f"{run.folder}: was run with other options ({'; '.join(changed)}); give those again, train it again with "
            "--retrain, or name another output folder"
        )
    if not changed:
        return
    with run.lock():
        if not run.changed_options():  # another process has moved it meanwhile
            return
        earlier = run.folder.with_name(f"earlier-{time.strftime('%Y%m%d-%H%M%S')}-{run.folder.name}")
        os.rename(run.folder, earlier)
    logger.info("%s: trained again, since options have changed (%s); kept in %s", run.name, "; ".join(changed), earlier)
