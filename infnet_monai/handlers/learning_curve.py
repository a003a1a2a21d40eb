"""The learning curve of a training run, as CSV and picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ignite.distributed as idist
import pandas as pd
from ignite.engine import Engine, Events
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["LearningCurve"]


class LearningCurve:
    """Write a row of loss and metrics after each validation; attach it to the trainer.

    Args:
        evaluator: The engine that validates inside the training; attach after its ValidationHandler.
        path: CSV file; the picture gets its name with ``.png``.
        interval: Epochs between validations.
        resume: Go on with the rows of an earlier run.
    """

    def __init__(self, evaluator: Engine, path: str | Path, interval: int = 1, resume: bool = False):
        self.evaluator = evaluator
        self.path = Path(path)
        self.interval = interval
        self.resume = resume
        self.rows: list[dict[Any, float]] = []
        self._losses: list[float] = []

    def attach(self, engine: Engine) -> None:
        """Collect losses after iterations and write after validations."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.EPOCH_COMPLETED(every=self.interval), self._write)

    def _start(self, engine: Engine) -> None:
        if self.evaluator.state.metrics:
            self._losses = [float("nan")]
            self._write(engine)
        if self.resume and self.path.is_file():
            rows = pd.read_csv(self.path)
            self.rows = rows[rows["epoch"] <= engine.state.epoch].to_dict("records")

    def _collect(self, engine: Any) -> None:
        self._losses.append(engine.state.output["loss"].item())

    def _write(self, engine: Any) -> None:
        row = {"epoch": engine.state.epoch, "train_loss": sum(self._losses) / len(self._losses)}
        row["learning_rate"] = engine.optimizer.param_groups[0]["lr"]
        self.rows.append(row | {name: float(value) for name, value in self.evaluator.state.metrics.items()})
        self._losses = []
        if idist.get_rank() == 0:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            table = pd.DataFrame(self.rows)
            table.to_csv(self.path, index=False)
            draw_learning_curve(table, self.path.with_suffix(".png"))


def draw_learning_curve(table: pd.DataFrame, path: str | Path) -> None:
    """Draw the loss and the metrics over the epochs.

    Args:
        table: Columns ``epoch``, ``train_loss``, ``learning_rate`` and one for each metric.
        path: PNG file.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    loss_axes, metric_axes = figure.subplots(1, 2)
    loss_axes.plot(table["epoch"], table["train_loss"], marker=".")
    loss_axes.set(xlabel="epoch", ylabel="training loss")
    for name in table.columns.drop(["epoch", "train_loss", "learning_rate"]):
        metric_axes.plot(table["epoch"], table[name], marker=".", label=name)
    metric_axes.set(xlabel="epoch", ylabel="validation", ylim=(0, 1))
    metric_axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)
