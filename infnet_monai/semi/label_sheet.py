"""Contact sheet of pseudo labels: one slice of every n-th group, to see whether the labels drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infnet_monai.files import atomic_write
from infnet_monai.reporting.contact_sheet import SlicePicture, choose_examples, draw_contact_sheet
from infnet_monai.scans.load import load_upright
from infnet_monai.transforms.window import lung_window

__all__ = ["draw_label_sheet"]

MOST_TILES = 24
COLUMNS = 6
LONGEST_NAME = 24  # characters that fit above a tile


def draw_label_sheet(groups: Sequence[Sequence[Mapping[str, Any]]], path: Path, intensity: str = "auto") -> Path:
    """Draw the first slice of groups evenly spread over the rounds, upright, its pseudo label outlined.

    Args:
        groups: Groups of items, each with its pseudo label, in the order of the rounds.
        path: PNG file to write.
        intensity: Kind of the pictures' intensities, see :func:`infnet_monai.transforms.lung_window`.

    Returns:
        The path.
    """
    chosen = choose_examples(list(enumerate(groups, start=1)), MOST_TILES)
    tiles = [_tile(group[0], number, intensity) for number, group in chosen]
    with atomic_write(path) as draft:
        draw_contact_sheet(tiles, draft, COLUMNS, title=f"Pseudo labels after {len(groups)} rounds")
    return path


def _tile(item: Mapping[str, Any], number: int, intensity: str) -> SlicePicture:
    image, label = (load_upright(item[key], item["axes"]) for key in ("image", "label"))
    return SlicePicture(
        image=lung_window(image.as_tensor(), intensity)[0, ..., 0].numpy(),
        prediction=label[0, ..., 0].numpy() > 0,
        caption=f"round {number}: {_shortened(Path(item['image']).stem)}",
    )


def _shortened(name: str) -> str:
    """The end of a long name: it has the number of the slice."""
    return name if len(name) <= LONGEST_NAME else f"...{name[3 - LONGEST_NAME :]}"
