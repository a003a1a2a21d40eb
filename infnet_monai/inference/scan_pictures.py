"""Pictures of a segmented scan: contact sheet of the slices with most lesion, slices for the report's viewer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from infnet_monai.inference.segmentation import Segmentation
from infnet_monai.reporting.contact_sheet import SlicePicture, choose_slices, draw_contact_sheet
from infnet_monai.reporting.overlay import render_slices
from infnet_monai.reporting.slice_sheet import SliceSheet, write_slice_sheet
from infnet_monai.transforms.window import lung_window

__all__ = ["draw_scan_sheet", "write_viewer_slices"]

SHEET_SLICES = 8


def draw_scan_sheet(scan: Segmentation, path: str | Path, title: str = "") -> Path:
    """Draw the slices with most lesion, outlined, 5 mm or more apart; without lesion, slices spread over the lungs.

    Args:
        scan: The segmented scan.
        path: PNG file to write.
        title: Text above the slices.

    Returns:
        The path.
    """
    pixels = (scan.upright_mask != 0).sum(axis=(0, 1))
    voxels = scan.upright_image.as_tensor()[0]
    rows_mm, columns_mm, slices_mm = scan.upright_spacing_mm
    has_lung = np.asarray(scan.upright_lungs.any(axis=(0, 1)))
    tiles = [
        SlicePicture(
            lung_window(voxels[..., k], scan.intensity).numpy(),
            prediction=scan.upright_mask[..., k],
            caption=f"slice {k + 1} of {len(pixels)}, lesion {pixels[k] * rows_mm * columns_mm / 100:.1f} cm²",
            spacing_mm=(rows_mm, columns_mm),
        )
        for k in choose_slices(pixels, slices_mm, SHEET_SLICES, otherwise=np.flatnonzero(has_lung))
    ]
    return draw_contact_sheet(tiles, path, title=title, scheme=scan.scheme)


def write_viewer_slices(scan: Segmentation, path: str | Path) -> SliceSheet:
    """Draw the slices for the viewer of the HTML report.

    Args:
        scan: The segmented scan.
        path: JPEG file to write, for all slices.

    Returns:
        What is in the file.
    """
    slices = render_slices(
        scan.upright_image[0].numpy(),
        scan.upright_mask,
        scan.upright_lungs,
        scan.upright_spacing_mm[:2],
        window=lambda pixels: lung_window(torch.from_numpy(pixels), scan.intensity).numpy(),
        scheme=scan.scheme,
    )
    return write_slice_sheet(slices, path)
