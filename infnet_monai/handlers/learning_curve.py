"""The learning curve of a training, as CSV and picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import pandas as pd
from ignite.engine import Engine, Events
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from infnet_monai.files import atomic_write
from infnet_monai.label_scheme import BINARY, LabelScheme

__all__ = ["LearningCurve"]

TRAINING = "train_"  # start of the columns of the trainer's output
COLOURS, LINE_STYLES = 6, (".-", ".--", ".:")


class LearningCurve:
    """Keep a row of loss, learning rate and metrics for each epoch; attach it to the trainer.

    The rows are part of the training's state, see :class:`infnet_monai.handlers.LastCheckpoint`. The CSV file and the
    picture are output only and never read.

    Args:
        evaluator: The engine that validates inside the training; attach after the handlers that run it.
        path: CSV file to write; the picture gets its name with ``.png``.
        outputs: Names of further scalars of the trainer's output, e.g. parts of the loss, whose means over the epoch
            join its row as ``train_NAME``.
        scheme: The lesion classes; the picture shows the Dice of each where there are several.

    Attributes:
        rows: One row for each epoch, and one for the validation before the first; metrics only where validated.
    """

    def __init__(self, evaluator: Engine, path: str | Path, outputs: Sequence[str] = (), scheme: LabelScheme = BINARY):
        self.evaluator = evaluator
        self.path = Path(path)
        self.classes = () if scheme.is_single else tuple(one.column for one in scheme)
        self.rows: list[dict[str, float]] = []
        self._scalars: dict[str, list[float]] = {name: [] for name in ("loss", *outputs)}
        self._metrics: dict[str, float] = {}

    def attach(self, engine: Engine) -> None:
        """Collect losses after iterations and metrics after validations; write after epochs and in the end."""
        self.evaluator.add_event_handler(Events.COMPLETED, self._note_metrics)
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._add_row)
        engine.add_event_handler(Events.COMPLETED, self._write)

    def state_dict(self) -> dict[str, Any]:
        """Return the rows, for :class:`infnet_monai.handlers.LastCheckpoint`."""
        return {"rows": self.rows}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue the curve of an earlier process."""
        self.rows = [dict(row) for row in state["rows"]]

    def first(self, metric: str) -> float | None:
        """Return a metric of the validation before the first epoch, ``None`` where there was none."""
        return self.rows[0].get(metric) if self.rows and self.rows[0]["epoch"] == 0 else None

    def _start(self, engine: Engine) -> None:
        if self._metrics:
            self._add_row(engine)

    def _note_metrics(self, engine: Engine) -> None:
        self._metrics = {name: float(value) for name, value in engine.state.metrics.items()}

    def _collect(self, engine: Any) -> None:
        for name, values in self._scalars.items():
            values.append(engine.state.output[name].item())

    def _add_row(self, engine: Any) -> None:
        means = {
            f"{TRAINING}{name}": math.fsum(values) / len(values) if values else math.nan
            for name, values in self._scalars.items()
        }
        rate = {"learning_rate": engine.optimizer.param_groups[0]["lr"]}
        self.rows.append({"epoch": engine.state.epoch} | means | rate | self._metrics)
        self._scalars, self._metrics = {name: [] for name in self._scalars}, {}
        self._write(engine)

    def _write(self, engine: Engine) -> None:
        if idist.get_rank() != 0 or not self.rows:
            return
        table = pd.DataFrame(self.rows)
        with atomic_write(self.path) as draft:
            table.to_csv(draft, index=False)
        draw_learning_curve(table, self.path.with_suffix(".png"), self.classes)


def draw_learning_curve(table: pd.DataFrame, path: str | Path, classes: Sequence[str] = ()) -> Figure:
    """Draw the loss and the metrics over the epochs.

    Args:
        table: Columns ``epoch``, ``train_loss``, ``learning_rate`` and one for each metric, NaN where not validated.
            Other columns ``train_*_loss`` are drawn beside the loss, other ones ``train_*`` not at all.
        path: PNG file to write.
        classes: Lesion classes; of the metrics of each only the Dice is drawn.

    Returns:
        The figure; its legend is outside the axes.
    """
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    loss_axes, metric_axes = figure.subplots(1, 2)
    training = [name for name in table.columns if name.startswith(TRAINING)]
    losses = [name for name in training if name.endswith("loss")]
    for name in losses:
        loss_axes.plot(table["epoch"], table[name], marker=".", label=name)
    if len(losses) > 1:
        loss_axes.legend(fontsize=8)
    loss_axes.set(xlabel="epoch", ylabel="training loss")
    metrics = [
        name
        for name in table.columns.drop(["epoch", "learning_rate", *training])
        if not any(f"_{column}_" in name and not name.endswith(f"_{column}_dice") for column in classes)
    ]
    for position, name in enumerate(metrics):
        validated = table[["epoch", name]].dropna()
        style = LINE_STYLES[position // COLOURS % len(LINE_STYLES)]  # the colours of more metrics repeat
        metric_axes.plot(validated["epoch"], validated[name], style, color=f"C{position % COLOURS}", label=name)
    metric_axes.set(xlabel="epoch", ylabel="validation", ylim=(0, 1))
    for axes in (loss_axes, metric_axes):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(metrics):
        figure.legend(loc="outside right center", fontsize=8)
    with atomic_write(path) as draft:
        figure.savefig(draft, dpi=120)
    return figure
