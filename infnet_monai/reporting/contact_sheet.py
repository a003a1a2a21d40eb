"""Contact sheet: CT slices side by side, with the outlines of the lesions of reference and prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from infnet_monai.label_scheme import BINARY, LabelScheme
from infnet_monai.transforms.window import lung_window

__all__ = ["SlicePicture", "choose_slices", "draw_contact_sheet"]

GAP_MM = 5.0  # thin slices next to each other look the same
TILE_INCHES = 2.8
CAPTION_INCHES = 0.25
OUTLINES = {"reference": "#3ddc4b", "prediction": "#ff3b30"}
SOLID = "solid"
STYLES: dict[str, Any] = {
    "reference": "dashed",
    "prediction": SOLID,
}  # of several classes, whose colours tell them apart
T = TypeVar("T")


@dataclass(frozen=True)
class SlicePicture:
    """One tile of a contact sheet.

    Attributes:
        image: Axial slice ``(H, W)`` in HU or already in [0, 1], rows towards the back, columns towards the patient's
            left.
        reference: Lesion mask of the reference ``(H, W)``, outlined in green.
        prediction: Lesions of the prediction ``(H, W)``, outlined in red, or in the colours of their classes where
            there are several; the reference is then outlined in the same colours, dashed.
        caption: Text above the slice, e.g. case, slice and Dice.
        spacing_mm: Pixel size in mm along rows and columns of the array, for the right proportions.
    """

    image: ArrayLike
    reference: ArrayLike | None = None
    prediction: ArrayLike | None = None
    caption: str = ""
    spacing_mm: tuple[float, float] = (1.0, 1.0)


def choose_slices(
    lesion_pixels: ArrayLike, slice_mm: float, count: int, otherwise: ArrayLike | None = None
) -> list[int]:
    """Choose the slices with most lesion, each 5 mm or more from the others; without lesion, slices spread evenly.

    Args:
        lesion_pixels: Number of lesion pixels in each slice.
        slice_mm: Distance of the slices in mm.
        count: Number of slices at most.
        otherwise: Indices of the slices to spread over without lesion; all slices by default, or where it is empty.

    Returns:
        Indices of the slices in their order.

    Example:
        >>> choose_slices([0, 20, 30, 25, 10, 9], slice_mm=2.5, count=2)
        [2, 4]
        >>> choose_slices([0, 0, 0, 0, 0], slice_mm=2.5, count=1)
        [2]
    """
    pixels = np.asarray(lesion_pixels)
    if pixels.any():
        return sorted(_most_lesion(pixels, GAP_MM / slice_mm)[:count])
    candidates = np.arange(len(pixels)) if otherwise is None or not np.size(otherwise) else np.asarray(otherwise)
    spread = np.linspace(0, len(candidates) - 1, min(count, len(candidates)) + 2)[1:-1]
    return sorted({int(candidates[round(position)]) for position in spread})


def _most_lesion(lesion_pixels: NDArray, gap: float) -> list[int]:
    """Return slices with lesion, those with most of it first, each at least ``gap`` slices from those before."""
    chosen: list[int] = []
    for k in np.argsort(-lesion_pixels, kind="stable").tolist():
        if lesion_pixels[k] and all(abs(k - other) >= gap for other in chosen):
            chosen.append(k)
    return chosen


def draw_contact_sheet(
    slices: Sequence[SlicePicture],
    path: str | Path,
    columns: int = 4,
    title: str = "",
    dpi: int = 110,
    scheme: LabelScheme = BINARY,
) -> Path:
    """Draw slices into one PNG, HU in the lung window.

    Args:
        slices: The tiles, row by row.
        path: PNG file to write; its folder is created if needed.
        columns: Number of tiles in a row.
        title: Text above all tiles.
        dpi: Pixels an inch; a tile is 2.8 inches wide.
        scheme: The lesion classes of reference and prediction.

    Returns:
        The path.

    Raises:
        ValueError: There are no slices.
    """
    if not slices:
        raise ValueError("a contact sheet needs at least one slice, got none")
    columns = min(columns, len(slices))
    rows = -(-len(slices) // columns)
    tile_height = TILE_INCHES * max(_height_over_width(tile) for tile in slices) + CAPTION_INCHES
    header = 0.4 + 0.3 * bool(title) + 0.2 * (not scheme.is_single)
    size = (columns * TILE_INCHES, rows * tile_height + header)
    figure = Figure(figsize=size, dpi=dpi, facecolor="black")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, tile in zip(grid.flat, slices, strict=False):
        _draw_tile(axes, tile, scheme)
    for axes in grid.flat:
        axes.set_axis_off()
    top = 1 - header / size[1]
    figure.subplots_adjust(0.005, 0.005, 0.995, top - 0.2 / size[1], wspace=0.02, hspace=CAPTION_INCHES / tile_height)
    _draw_header(figure, slices, title, scheme)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(path))
    return path


def _draw_tile(axes: Axes, tile: SlicePicture, scheme: LabelScheme) -> None:
    aspect = tile.spacing_mm[0] / tile.spacing_mm[1]
    axes.imshow(_to_unit_range(tile.image), cmap="gray", vmin=0, vmax=1, aspect=aspect)
    for name, colour in OUTLINES.items():
        labels = getattr(tile, name)
        if labels is None:
            continue
        if scheme.is_single:
            _draw_outline(axes, np.asarray(labels) > 0, colour, SOLID)
        else:
            for one in scheme:
                _draw_outline(axes, np.asarray(labels) == one.value, one.colour, STYLES[name])
    axes.set_title(tile.caption, color="white", fontsize=8, pad=3)


def _draw_outline(axes: Axes, mask: NDArray[np.bool_], colour: str, style: str) -> None:
    if mask.any():
        # Padding closes the outline of a lesion that reaches the picture's border.
        outline = np.pad(mask, 1).astype(float)
        height, width = outline.shape
        extent = np.arange(-1, width - 1), np.arange(-1, height - 1)
        axes.contour(*extent, outline, levels=[0.5], colors=[colour], linewidths=0.9, linestyles=style)


def _draw_header(figure: Figure, slices: Sequence[SlicePicture], title: str, scheme: LabelScheme) -> None:
    if title:
        figure.suptitle(title, color="white", fontsize=11, y=1 - 0.08 / figure.get_figheight(), va="top")
    shown = [name for name in OUTLINES if any(getattr(tile, name) is not None for tile in slices)]
    if shown:
        lines = [Line2D([], [], color=OUTLINES[name], label=name) for name in shown]
        if not scheme.is_single:
            lines = [
                Line2D([], [], color=one.colour, linestyle=STYLES[name], label=f"{one.name}, {name}")
                for name in shown
                for one in scheme
            ]
        offset = 0.05 + 0.28 * bool(title)
        figure.legend(
            handles=lines,
            loc="upper center",
            bbox_to_anchor=(0.5, 1 - offset / figure.get_figheight()),
            ncols=len(lines) if scheme.is_single else len(scheme),
            frameon=False,
            labelcolor="white",
            fontsize=8,
        )


def _to_unit_range(image: ArrayLike) -> NDArray[np.float32]:
    array = torch.as_tensor(np.asarray(image, dtype=np.float32))
    windowed = bool(array.min() >= 0 and array.max() <= 1)
    return lung_window(array, "unit" if windowed else "hu").numpy()


def _height_over_width(tile: SlicePicture) -> float:
    height, width = np.shape(tile.image)
    return height * tile.spacing_mm[0] / (width * tile.spacing_mm[1])


def choose_examples(cases: Sequence[T], count: int) -> list[T]:
    """Choose cases evenly spread over a list, whatever was predicted for them.

    Args:
        cases: All cases, in the order of the list.
        count: Number of cases to choose; all of them where there are fewer.

    Example:
        >>> choose_examples(["case 1", "case 2", "case 3", "case 4", "case 5"], 3)
        ['case 1', 'case 3', 'case 5']
    """
    positions = np.linspace(0, len(cases) - 1, min(count, len(cases))).round().astype(int)
    return [cases[position] for position in positions]
