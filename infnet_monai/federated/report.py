"""The page of a federated training: its curves, and every model on every site's held-out cases."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from infnet_monai.federated.plan import FederatedPlan
from infnet_monai.files import atomic_write
from infnet_monai.metrics.table import METRICS, Metric
from infnet_monai.reporting.comparison_page import Picture, RunState, write_comparison_page
from infnet_monai.reporting.comparison_table import ComparisonRow, ComparisonTable, Estimate
from infnet_monai.run_record import package_versions

__all__ = ["write_report"]

SHOWN = ("dice", "sensitivity", "mae")
STYLES = {"federated": "-", "central": "--"}


def write_report(output_dir: Path, plan: FederatedPlan, sites: Sequence[str], models: Mapping[str, Path]) -> Path:
    """Write ``curves.png`` and ``index.html``.

    Args:
        output_dir: Folder of the simulation, with ``measured/SITE/metrics.json``.
        plan: What all sites agreed on.
        sites: Names of the sites.
        models: Folders of the models' ``rounds.csv`` by their names.

    Returns:
        Path of the page.
    """
    measured = {
        site: json.loads((output_dir / "measured" / site / "metrics.json").read_text(encoding="utf-8"))
        for site in sites
    }
    rounds = {name: pd.read_csv(folder / "rounds.csv") for name, folder in models.items()}
    curves = _draw_curves(rounds, plan.rounds, output_dir / "curves.png")
    refused = rounds["federated"].dropna(subset=["refused"])
    facts = {**json.loads(plan.as_text()), "sites": ", ".join(sites), **package_versions()}
    facts["refused updates"] = (
        "; ".join(f"round {row['round']}, {row.site}: {row.refused}" for _, row in refused.iterrows()) or "none"
    )
    return write_comparison_page(
        output_dir / "index.html",
        f"Federated training at {len(sites)} sites",
        [_table(site, measured[site], plan) for site in sites],
        [
            Picture(
                curves,
                "Learning curves",
                "Each site's validation Dice of the weights that it received, and its training loss.",
            )
        ],
        [RunState(name, str(folder)) for name, folder in models.items()],
        {},
        facts,
    )


def _table(site: str, metrics: Mapping[str, Mapping[str, float | None]], plan: FederatedPlan) -> ComparisonTable:
    columns = [metric for metric in METRICS if metric.protocol == "clinical" and metric.name in SHOWN]
    rows = [
        ComparisonRow(
            name, "here", {column.column: _estimate(values, column) for column in columns}, _start(name, plan)
        )
        for name, values in metrics.items()
    ]
    caption = f"Held-out cases of {site}: mean over slices with lesion, binarised at 0.5, weights after the last round."
    return ComparisonTable(caption, [replace(column) for column in columns], rows)


def _estimate(values: Mapping[str, float | None], metric: Metric) -> Estimate:
    value = values.get(f"val_{metric.name}")
    return Estimate(float("nan") if value is None else value)


def _start(name: str, plan: FederatedPlan) -> str:
    return "own batch normalisation" if name == "federated" and plan.batch_norm == "local" else "of the bundle"


def _draw_curves(rounds: Mapping[str, pd.DataFrame], last: int, path: Path) -> Path:
    figure = Figure(figsize=(11, 4.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    dice, loss = figure.subplots(1, 2)
    for name, table in rounds.items():
        for site, rows in table.groupby("site", sort=True):
            label = f"federated, {site}" if name == "federated" else name
            _draw(dice, rows, "val_dice", label, STYLES.get(name, ":"))
            _draw(loss, rows, "train_loss", label, STYLES.get(name, ":"))
    known = rounds["federated"].dropna(subset=["val_dice"])
    known = known[known["steps"] > 0]
    weighted = (known["val_dice"] * known["steps"]).groupby(known["round"]).sum()
    mean = weighted / known.groupby("round")["steps"].sum()
    dice.plot(mean.index, mean, color="black", linewidth=2, label="federated, all sites by their steps")
    dice.set(xlabel="completed rounds", ylabel="validation Dice at threshold 0.5", ylim=(0, 1), xlim=(0, last))
    loss.set(xlabel="completed rounds before", ylabel="training loss")
    for axes in (dice, loss):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = dice.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8)
    with atomic_write(path) as draft:
        figure.savefig(draft)
    return path


def _draw(axes: Axes, rows: pd.DataFrame, column: str, label: str, style: str) -> None:
    axes.plot(rows["round"], rows[column], style, marker=".", label=label)
