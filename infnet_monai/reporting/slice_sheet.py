"""The slices of a viewer as one JPEG file: tiles row by row, and what they show as the comment of the file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from infnet_monai.errors import InputError
from infnet_monai.reporting.overlay import ViewerSlice

__all__ = ["SliceSheet", "read_slice_sheet", "write_slice_sheet"]

COLUMNS = 8
JPEG_QUALITY = 80


@dataclass(frozen=True)
class SliceSheet:
    """What is on a sheet of slices.

    Attributes:
        width: Width of a tile in pixels.
        height: Height of a tile in pixels.
        columns: Tiles in a row.
        numbers: Number of each slice in its scan, from 1 at the patient's feet, in the order of the tiles.
        lesion_pixels: Lesion pixels of each slice.
    """

    width: int
    height: int
    columns: int
    numbers: tuple[int, ...]
    lesion_pixels: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return -(-len(self.numbers) // self.columns)

    @property
    def start(self) -> int:
        """Index of the tile that a viewer opens with: the slice with most lesion, without lesion the middle one."""
        most = max(self.lesion_pixels)
        return self.lesion_pixels.index(most) if most else len(self.numbers) // 2


def write_slice_sheet(slices: Sequence[ViewerSlice], path: str | Path) -> SliceSheet:
    """Write slices as one file.

    Args:
        slices: The slices, all of one size, at least one.
        path: JPEG file to write.

    Returns:
        What is on the sheet.
    """
    height, width = slices[0].pixels.shape[:2]
    numbers, lesion_pixels = (
        tuple(each) for each in zip(*((s.index + 1, s.lesion_pixels) for s in slices), strict=True)
    )
    sheet = SliceSheet(width, height, min(COLUMNS, len(slices)), numbers, lesion_pixels)
    pixels = np.zeros((sheet.rows * height, sheet.columns * width, 3), np.uint8)
    for k, each in enumerate(slices):
        row, column = divmod(k, sheet.columns)
        pixels[row * height : (row + 1) * height, column * width : (column + 1) * width] = each.pixels
    comment = json.dumps(asdict(sheet)).encode()
    # No chroma subsampling: it would blur the coloured one-pixel lines.
    Image.fromarray(pixels).save(path, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True, comment=comment)
    return sheet


def read_slice_sheet(path: str | Path) -> SliceSheet:
    """Read what is on a sheet, without its pixels.

    Args:
        path: JPEG file that :func:`write_slice_sheet` has written.

    Raises:
        InputError: The file is missing or is no such sheet.
    """
    try:
        with Image.open(path) as picture:
            content = json.loads(picture.info["comment"])
        numbers, lesion_pixels = (tuple(map(int, content.pop(name))) for name in ("numbers", "lesion_pixels"))
        sheet = SliceSheet(**content, numbers=numbers, lesion_pixels=lesion_pixels)
        if not (sheet.columns >= 1 and 1 <= len(numbers) == len(lesion_pixels)):
            raise ValueError("no slices")
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{path}: is no sheet of slices; remove it, and segmenting draws it again") from error
    return sheet
