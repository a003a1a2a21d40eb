"""Picture of evaluated scans, one line each, worst first."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from infnet_monai.files import atomic_write

__all__ = ["draw_scan_dots", "worst_first"]

DPI = 120
MOST_ROWS = 60
ROW_INCHES = 0.24
BLUE, ORANGE, GREY = "#0072b2", "#e67800", "#999999"


def worst_first(table: pd.DataFrame) -> pd.DataFrame:
    """Order scans: those with lesions by rising Dice, then those without by falling predicted volume.

    Args:
        table: One row a scan, with the columns of :class:`infnet_monai.evaluation.scan_metrics.ScanMetrics`.

    Returns:
        The rows in that order.
    """
    has_lesion = table["reference_ml"] > 0
    lesions = table[has_lesion].sort_values("dice", kind="stable")
    return pd.concat([lesions, table[~has_lesion].sort_values("predicted_ml", ascending=False, kind="stable")])


def draw_scan_dots(table: pd.DataFrame, path: str | Path) -> Path:
    """Draw the Dice of each scan, and its predicted and reference volume, worst first.

    Of more than 60 scans the 60 worst are drawn: those without lesions then get the places that those with lesions
    leave, but half of them at least where there are as many.

    Args:
        table: One row a scan, with the columns of :class:`infnet_monai.evaluation.scan_metrics.ScanMetrics`.
        path: PNG file to write, whole or not at all.

    Returns:
        Path of the file.
    """
    drawn = _drawn(table)
    figure = Figure(figsize=(10, 1.4 + ROW_INCHES * len(drawn)), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    overlap, volume = figure.subplots(1, 2, sharey=True)
    rows = range(len(drawn))
    has_lesion = (drawn["reference_ml"] > 0).to_numpy()
    overlap.scatter(drawn["dice"].where(has_lesion), rows, color=BLUE, s=24, label="Dice of the volume", zorder=3)
    overlap.scatter(
        drawn["lesion_slice_dice"], rows, edgecolors=BLUE, facecolors="none", s=24, label="mean of lesion slices"
    )
    overlap.set(xlim=(-0.02, 1.02), xlabel="Dice (scans with lesions)", yticks=list(rows))
    overlap.set_yticklabels(drawn["case"], fontsize=7)
    overlap.invert_yaxis()
    _draw_volumes(volume, drawn)
    for axes in (overlap, volume):
        axes.grid(axis="both", color="#eeeeee", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=7)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize=7, frameon=False)
    if len(drawn) < len(table):
        figure.suptitle(f"The {len(drawn)} worst of {len(table)} scans", fontsize=9)
    with atomic_write(path) as draft:
        figure.savefig(draft, dpi=DPI)
    return Path(path)


def _drawn(table: pd.DataFrame) -> pd.DataFrame:
    ordered = worst_first(table)
    has_lesion = ordered["reference_ml"] > 0
    free_rows = min(int((~has_lesion).sum()), max(MOST_ROWS // 2, MOST_ROWS - int(has_lesion.sum())))
    return pd.concat([ordered[has_lesion].head(MOST_ROWS - free_rows), ordered[~has_lesion].head(free_rows)])


def _draw_volumes(axes: Axes, drawn: pd.DataFrame) -> None:
    rows = range(len(drawn))
    axes.hlines(rows, drawn["reference_ml"], drawn["predicted_ml"], color=GREY, linewidth=1)
    axes.scatter(drawn["reference_ml"], rows, color=BLUE, s=24, label="reference", zorder=3)
    axes.scatter(drawn["predicted_ml"], rows, color=ORANGE, marker="D", s=18, label="prediction", zorder=3)
    axes.set_xscale("symlog", linthresh=1)  # volumes span orders of magnitude, and 0 ml is one of them
    axes.set_xlim(left=-0.15)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("lesion volume (ml)")
