"""A comparison from its options to its tables; what has been done before is not done again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from infnet_monai.comparison.folds import deal_folds, extra_items, foldable_items, write_folds
from infnet_monai.comparison.options import ComparisonOptions
from infnet_monai.comparison.outputs import write_outputs
from infnet_monai.comparison.plan import Run, check_run, plan_runs
from infnet_monai.comparison.results import read_result
from infnet_monai.data.datalist import load_datalist
from infnet_monai.errors import InputError
from infnet_monai.stage import StageBusy
from infnet_monai.training.child import WorkflowFailed
from infnet_monai.training.claim import claim_output_dir
from infnet_monai.training.progress import stage_bar

__all__ = ["Comparison", "compare"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Comparison:
    """What a comparison has written.

    Args:
        files: Paths of tables, pictures and page.
        problems: Reasons why runs are not finished, by their names.
    """

    files: Sequence[Path]
    problems: dict[str, str]


def compare(
    options: ComparisonOptions, complete: Callable[[Sequence[Run]], dict[str, str]] | None = None
) -> Comparison:
    """Train and evaluate all that is not finished yet, then write tables, pictures and the page.

    A run that fails does not end the comparison; its row is built from the others, or left out. Several processes
    with the same options share the runs. Whatever ends a process, the same call again resumes.

    Args:
        options: Options of the comparison, with absolute folders.
        complete: Completes the runs and returns why some are not finished, by name; by default one after the other in
            this process, see also :func:`infnet_monai.comparison.on_dask.complete_on_dask`.

    Raises:
        InputError: An option or the data set cannot be used, an earlier run had other options, or no run could be
            finished.
    """
    _check_data(options)
    runs = plan_runs(options)
    description = "Folder of a comparison; index.html shows its results"
    claim_output_dir(options.output_dir, "comparison", description)
    for run in runs:
        check_run(run, options.retrain)
    if options.folds is not None:
        write_folds(options.dataset_dir, options.folds, options.output_dir, options.extra_training)
    problems = (complete or _complete_all)(runs)
    return Comparison(write_outputs(options, runs, problems), problems)


def _check_data(options: ComparisonOptions) -> None:
    """Fail now, not in every run."""
    if options.folds is not None:
        items = foldable_items(options.dataset_dir)
        deal_folds(items, options.folds)
        extra_items(options.extra_training, items)
        return
    for section in ("training", "validation", "test"):
        try:
            load_datalist(options.dataset_dir, section)
        except InputError as error:
            raise InputError(
                f"{error}. A comparison needs training, validation and test; prepare the data with --validation and "
                "--test, or give --folds 5"
            ) from error


def _complete_all(runs: Sequence[Run]) -> dict[str, str]:
    """Complete the runs one after the other, with the time left estimated from the epochs done so far."""
    problems = {}
    to_do = [run for run in runs if not run.finished]
    if len(to_do) < len(runs):
        logger.info("%d of %d runs were finished before.", len(runs) - len(to_do), len(runs))
    epochs = sum(run.epochs - run.completed_epochs() for run in to_do)
    with logging_redirect_tqdm(), stage_bar("", epochs, 0, "epoch", disable=not to_do) as bar:
        counts = {run.name: _EpochCount(run, bar) for run in to_do}
        for position, (run, lock) in enumerate(_in_turn(to_do), start=1):
            bar.set_description(f"{run.name} ({position}/{len(to_do)})")
            count = counts[run.name]
            try:
                run.train_and_evaluate(lock, count.show)
                dice = read_result(run).metrics["paper_mean_dice"]
                logger.info("%s: Dice %.3f (%d of %d)", run.name, dice, position, len(to_do))
            except (InputError, WorkflowFailed) as error:
                problems[run.name] = str(error)
                logger.error("%s: %s", run.name, error)
            count.end()
    return problems


def _in_turn(runs: Sequence[Run]) -> Iterator[tuple[Run, int]]:
    """Yield each run with its lock while no other process works on it; those that one works on now come last."""
    busy = []
    for run in runs:
        with ExitStack() as stack:
            try:
                lock = stack.enter_context(run.lock())
            except StageBusy:
                busy.append(run)
                continue
            yield run, lock
    for run in busy:
        logger.info("%s: waiting for the process that works on it.", run.name)
        with run.lock(wait=True) as lock:
            yield run, lock


class _EpochCount:
    """Passes the epochs of a run to the bar of all."""

    def __init__(self, run: Run, bar: tqdm):
        self.run, self.bar = run, bar
        self.shown = run.completed_epochs()

    def show(self) -> None:
        """Add the epochs since the last call."""
        completed = self.run.completed_epochs()
        self.bar.update(max(0, completed - self.shown))
        self.shown = max(self.shown, completed)

    def end(self) -> None:
        """Add what a failed run has left undone, and what another process has done: no time will be spent on it."""
        self.bar.update(self.run.epochs - self.shown)
