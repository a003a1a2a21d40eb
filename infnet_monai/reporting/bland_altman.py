"""Bland-Altman picture: how far predicted and reference volumes agree, case by case."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from infnet_monai.evaluation.agreement import Agreement, spans_orders
from infnet_monai.evaluation.scan_groups import QUANTITIES
from infnet_monai.files import atomic_write

__all__ = ["draw_bland_altman"]

DPI = 120
PANEL_INCHES = (5.6, 4.0)
UNITS = {"ml": "ml", "percent_of_lung": "% of the lungs"}
LESION, LESION_FREE, LINE = "#0072b2", "#e67800", "#555555"
MOST_NAMES = 20


def draw_bland_altman(table: pd.DataFrame, agreement: Mapping[str, Agreement], path: str | Path) -> Path | None:
    """Draw the difference of prediction and reference over their mean, in ml and in % of the lungs.

    A second row shows the ratio over the mean, both on logarithmic axes, where the means span more than one order of
    magnitude. Lines are bias and limits of agreement of the scans with lesions; scans without are drawn hollow.

    Args:
        table: One row a scan, with the columns of :class:`infnet_monai.evaluation.scan_metrics.ScanMetrics`.
        agreement: Agreement of the scans with lesions, see
            :class:`infnet_monai.evaluation.scan_groups.GroupSummary`.
        path: PNG file to write, whole or not at all.

    Returns:
        Path of the file; ``None`` where no scan has a lesion, and no picture.
    """
    with_lesion = table["reference_ml"] > 0
    if not with_lesion.any():
        return None
    means = {name: table[[*columns]].mean(axis=1, skipna=False) for name, columns in QUANTITIES.items()}
    is_wide = any(spans_orders(mean[with_lesion]) for mean in means.values())
    rows = 2 if is_wide else 1
    figure = Figure(figsize=(2 * PANEL_INCHES[0], rows * PANEL_INCHES[1]), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, 2, squeeze=False)
    for column, (name, (predicted, reference)) in enumerate(QUANTITIES.items()):
        difference = table[predicted] - table[reference]
        _draw_points(panels[0, column], table["case"], means[name], difference, with_lesion)
        _draw_limits(panels[0, column], agreement[name], UNITS[name])
        panels[0, column].set(
            xlabel=f"mean of prediction and reference ({UNITS[name]})",
            ylabel=f"prediction - reference ({UNITS[name]})",
        )
        if is_wide:
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = (table[predicted] / table[reference]).where(lambda values: values > 0)
            _draw_ratios(panels[1, column], table["case"], means[name], ratio.where(with_lesion), with_lesion)
            _draw_limits(panels[1, column], agreement[f"{name}_ratio"], "times")
            panels[1, column].set(
                xlabel=f"mean of prediction and reference ({UNITS[name]})", ylabel="prediction / reference"
            )
    figure.suptitle(_title(int(with_lesion.sum()), len(table)), fontsize=10)
    with atomic_write(path) as draft:
        figure.savefig(draft, dpi=DPI)
    return Path(path)


def _title(lesions: int, scans: int) -> str:
    free = f"; hollow: {scans - lesions} without" if scans > lesions else ""
    return f"Agreement of {lesions} scans with lesions (lines: bias and 95 % limits of agreement){free}"


def _draw_points(axes: Axes, names: pd.Series, means: pd.Series, values: pd.Series, with_lesion: pd.Series) -> None:
    for chosen, face, edge in ((with_lesion, LESION, LESION), (~with_lesion, "none", LESION_FREE)):
        axes.scatter(means[chosen], values[chosen], s=26, facecolors=face, edgecolors=edge, linewidths=1.2, zorder=3)
    axes.axhline(0, color="#cccccc", linewidth=0.8, zorder=0)
    axes.margins(x=0.16, y=0.12)
    if len(names) <= MOST_NAMES:
        for name, mean, value in zip(names[with_lesion], means[with_lesion], values[with_lesion], strict=True):
            if np.isfinite(mean) and np.isfinite(value):
                axes.annotate(name, (mean, value), xytext=(4, 3), textcoords="offset points", fontsize=6)
    axes.tick_params(labelsize=8)


def _draw_ratios(axes: Axes, names: pd.Series, means: pd.Series, ratios: pd.Series, with_lesion: pd.Series) -> None:
    if ratios.notna().any():
        axes.set(xscale="log", yscale="log")
    _draw_points(axes, names, means, ratios, with_lesion)
    axes.axhline(1, color="#cccccc", linewidth=0.8, zorder=0)
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_major_formatter(plain)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(plain)
    axes.yaxis.set_minor_formatter(plain)
    axes.tick_params(which="minor", labelsize=6)


def _draw_limits(axes: Axes, found: Agreement, unit: str) -> None:
    """Draw bias and limits with their values at the right side."""
    for value, style, name in ((found.bias, "-", "bias"), (found.high, "--", "limit"), (found.low, "--", "limit")):
        if value is not None:
            axes.axhline(value, color=LINE, linestyle=style, linewidth=1)
            axes.annotate(
                f"{name} {value:.3g} {unit}",
                (1, value),
                xycoords=axes.get_yaxis_transform(),
                xytext=(-3, 2),
                textcoords="offset points",
                ha="right",
                fontsize=6,
                color=LINE,
            )
    if found.low is None:
        axes.set_title("fewer than three scans: no limits of agreement", fontsize=7)
