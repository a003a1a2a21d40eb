"""Pictures of a comparison: learning curves, example slices, and the masks of all networks side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from infnet_monai.files import atomic_write

__all__ = ["MaskRow", "draw_learning_curves", "draw_mask_rows"]

TILE_INCHES = 1.7
DPI = 120
CURVES = {
    "train_loss": "training loss",
    "val_dice": "validation Dice at threshold 0.5",
    "val_paper_mean_dice": "validation Dice, mean over thresholds",
}
MISSED, CORRECT, EXCESS = (0, 114, 178), (255, 255, 255), (230, 120, 0)


@dataclass(frozen=True)
class MaskRow:
    """A slice and its masks, one row of a picture.

    Args:
        caption: Text beside the row.
        image: Slice ``(H, W)``, uint8.
        reference: Mask of the reference ``(H, W)``, bool.
        predictions: Predicted masks ``(H, W)``, bool, by network; None where a network has none.
        spacing_mm: Pixel size along rows and columns of the array.
    """

    caption: str
    image: NDArray[np.uint8]
    reference: NDArray[np.bool_]
    predictions: Mapping[str, NDArray[np.bool_] | None]
    spacing_mm: tuple[float, float] = (1.0, 1.0)


def draw_mask_rows(rows: Sequence[MaskRow], path: str | Path, title: str = "") -> Path:
    """Draw image, reference and every network's mask in columns; errors of the masks are coloured.

    Args:
        rows: Rows from top to bottom, all with the same networks.
        path: PNG file to write.
        title: Text above the picture.

    Returns:
        Path of the file.

    Raises:
        ValueError: There are no rows.
    """
    if not rows:
        raise ValueError("a picture of masks needs at least one row, got none")
    headings = ["image", "reference", *rows[0].predictions]
    heights = [TILE_INCHES * _height_over_width(row) for row in rows]
    head, foot = 0.22 + 0.25 * bool(title), 0.04 + 0.3 * bool(rows[0].predictions)
    size = (len(headings) * TILE_INCHES + 0.3, sum(heights) + head + foot)
    figure = Figure(figsize=size, dpi=DPI)
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), len(headings), squeeze=False, height_ratios=heights)
    figure.subplots_adjust(0.3 / size[0], foot / size[1], 0.998, 1 - head / size[1], wspace=0.03, hspace=0.03)
    for heading, axes in zip(headings, grid[0], strict=True):
        axes.set_title(heading.replace("infnet_", ""), fontsize=8, pad=3)
    for row, line in zip(rows, grid, strict=True):
        _draw_row(row, line)
    if title:
        figure.suptitle(title, fontsize=9, y=1 - 0.06 / size[1], va="top")
    if rows[0].predictions:
        _draw_legend(figure)
    return _save(figure, path)


def _draw_row(row: MaskRow, line: Sequence[Axes]) -> None:
    reference = np.where(row.reference[..., None], CORRECT, (0, 0, 0)).astype(np.uint8)
    pictures = [row.image, reference, *(_coloured(row.reference, mask) for mask in row.predictions.values())]
    for axes, picture in zip(line, pictures, strict=True):
        axes.set(xticks=[], yticks=[])
        if picture is None:
            axes.text(0.5, 0.5, "no run", ha="center", va="center", fontsize=8, transform=axes.transAxes)
        else:
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255, aspect=row.spacing_mm[0] / row.spacing_mm[1])
    line[0].set_ylabel(row.caption, fontsize=6, labelpad=2)


def _coloured(reference: NDArray[np.bool_], prediction: NDArray[np.bool_] | None) -> NDArray[np.uint8] | None:
    """Draw the mask: white where it is right, and its errors in colour."""
    if prediction is None:
        return None
    picture = np.zeros((*reference.shape, 3), np.uint8)
    for where, colour in (
        (reference & prediction, CORRECT),
        (prediction & ~reference, EXCESS),
        (reference & ~prediction, MISSED),
    ):
        picture[where] = colour
    return picture


def _draw_legend(figure: Figure) -> None:
    names = {"lesion found": CORRECT, "marked, but no lesion": EXCESS, "lesion missed": MISSED}
    patches = [
        Patch(facecolor=(red / 255, green / 255, blue / 255), edgecolor="black", linewidth=0.5, label=name)
        for name, (red, green, blue) in names.items()
    ]
    figure.legend(handles=patches, loc="lower center", ncols=len(patches), fontsize=7, frameon=False, borderaxespad=0.3)


def _height_over_width(row: MaskRow) -> float:
    height, width = row.image.shape
    return height * row.spacing_mm[0] / (width * row.spacing_mm[1])


def draw_learning_curves(curves: Mapping[str, Sequence[pd.DataFrame]], path: str | Path, note: str = "") -> Path:
    """Draw loss and validation over the epochs: for each network the mean of its runs, and their range as a band.

    Args:
        curves: Table ``metrics.csv`` of each run, by network; see :class:`infnet_monai.handlers.LearningCurve`.
        path: PNG file to write.
        note: Text below the picture.

    Returns:
        Path of the file.
    """
    figure = Figure(figsize=(4 * len(CURVES), 4.2 + 0.25 * -(-len(curves) // 4)), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    colours = matplotlib.colormaps["tab20"].colors  # type: ignore[attr-defined]
    for axes, (column, label) in zip(figure.subplots(1, len(CURVES)), CURVES.items(), strict=True):
        for position, (name, tables) in enumerate(curves.items()):
            values = pd.concat(tables).dropna(subset=[column]).groupby("epoch")[column]
            mean, low, high = values.mean(), values.min(), values.max()
            # Every other colour of ``tab20`` is a pale one: those come last.
            colour = colours[(2 * position + position // 10) % 20]
            axes.plot(mean.index, mean, marker=".", color=colour, label=name)
            if len(tables) > 1:
                axes.fill_between(mean.index, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if column != "train_loss":
            axes.set_ylim(0, 1)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8)
    if note:
        figure.supxlabel(note, fontsize=8)
    return _save(figure, path)


def _save(figure: Figure, path: str | Path) -> Path:
    with atomic_write(path) as draft:
        figure.savefig(draft, dpi=DPI)
    return Path(path)
