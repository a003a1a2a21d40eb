"""Picture of a patient's scans over time: volume and fraction of lesion, predicted Dice where it is known."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from infnet_monai.files import atomic_write

__all__ = ["draw_follow_up"]

DPI = 120
PANELS = (
    ("lesion_volume_ml", "Lesion volume (ml)", "#0072b2"),
    ("lesion_percent_of_lung", "Lesion in % of the lungs", "#d55e00"),
    ("predicted_dice", "Predicted Dice of the mask", "#595959"),
)
LOW, HIGH = "lesion_volume_low_ml", "lesion_volume_high_ml"


def draw_follow_up(rows: pd.DataFrame, path: str | Path) -> Path:
    """Draw the scans of one patient over the days since the first one.

    Args:
        rows: Rows of one patient of :func:`infnet_monai.follow_up.course_table`. Scans with warnings are drawn hollow;
            where a value is undefined, or the order of scans is not known, the line is broken. Where the range of a
            volume is known, it is a bar.
        path: PNG file to write, whole or not at all.

    Returns:
        Path of the file.
    """
    numbers = {name: pd.to_numeric(rows[name], errors="coerce") for name, *_ in PANELS if name in rows}
    panels = [panel for panel in PANELS if panel[0] in numbers and numbers[panel[0]].notna().any()]
    figure = Figure(figsize=(4.2 * max(1, len(panels)), 3), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (name, title, colour) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        axes.set_title(title, fontsize=10)
        _draw_panel(axes, rows, numbers[name], colour)
        if name == "lesion_volume_ml" and {LOW, HIGH} <= set(rows):
            _draw_ranges(axes, rows, colour)
    with atomic_write(path) as draft:
        figure.savefig(draft)
    return Path(path)


def _draw_panel(axes: Axes, rows: pd.DataFrame, values: pd.Series, colour: str) -> None:
    days = rows["days_since_first"].astype(float)
    is_alone = ~days.duplicated(keep=False)
    axes.plot(days, values.where(is_alone), color=colour, linewidth=1.5)
    doubtful = rows["warnings"] != ""
    axes.scatter(days[~doubtful], values[~doubtful], color=colour, s=36, zorder=3)
    axes.scatter(days[doubtful], values[doubtful], edgecolors=colour, facecolors="white", s=36, zorder=3)
    axes.set_xlabel("Days since the first scan")
    axes.set_ylim(0, max(1.0, 1.15 * float(values.max())))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_ranges(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    low, high = (pd.to_numeric(rows[name], errors="coerce") for name in (LOW, HIGH))
    axes.vlines(rows["days_since_first"].astype(float), low, high, color=colour, alpha=0.5)
    if high.notna().any():
        axes.set_ylim(0, max(axes.get_ylim()[1], 1.05 * float(high.max())))
