"""Pictures of a segmented scan: contact sheet of the slices with most lesion, slices for the report's viewer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from monai.data import MetaTensor
from numpy.typing import NDArray

from infnet_monai.reporting.contact_sheet import SlicePicture, draw_contact_sheet
from infnet_monai.reporting.overlay import ViewerSlice, render_slices
from infnet_monai.transforms.window import lung_window

__all__ = ["UprightScan", "draw_scan_sheet", "render_scan"]

SHEET_SLICES = 8
SHEET_GAP_MM = 5.0  # thin slices next to each other look the same


@dataclass(frozen=True)
class UprightScan:
    """A scan and its masks, oriented PLS so that slices stand upright.

    Attributes:
        image: ``(1, H, W, D)`` in the scan's own intensities.
        lesions: Mask ``(H, W, D)``.
        lungs: Labels ``(H, W, D)``, zeros where there are none.
        intensity: What the intensities are, see :func:`infnet_monai.transforms.lung_window`.
    """

    image: MetaTensor
    lesions: NDArray
    lungs: NDArray
    intensity: str

    @property
    def spacing_mm(self) -> tuple[float, float]:
        """Size of a pixel along rows and columns of the arrays."""
        rows_mm, columns_mm, _ = self.image.pixdim.tolist()
        return rows_mm, columns_mm


def draw_scan_sheet(scan: UprightScan, path: str | Path, title: str = "") -> Path:
    """Draw the slices with most lesion, outlined, 5 mm or more apart; without lesion, slices spread over the lungs.

    Args:
        scan: What to draw.
        path: Of the PNG.
        title: Written above the slices.

    Returns:
        The path.
    """
    pixels = (scan.lesions != 0).sum(axis=(0, 1))
    voxels = scan.image.as_tensor()[0]
    pixel_cm2 = scan.spacing_mm[0] * scan.spacing_mm[1] / 100
    tiles = [
        SlicePicture(
            lung_window(voxels[..., k], scan.intensity).numpy(),
            prediction=scan.lesions[..., k],
            caption=f"slice {k + 1} of {len(pixels)}, lesion {pixels[k] * pixel_cm2:.1f} cm²",
            spacing_mm=scan.spacing_mm,
        )
        for k in _choose(pixels, np.asarray(scan.lungs.any(axis=(0, 1))), float(scan.image.pixdim[2]))
    ]
    return draw_contact_sheet(tiles, path, title=title)


def render_scan(scan: UprightScan) -> list[ViewerSlice]:
    """Draw the slices for the viewer of the HTML report."""
    windowed = lung_window(scan.image.as_tensor()[0], scan.intensity).numpy()
    return render_slices(windowed, scan.lesions, scan.lungs, scan.spacing_mm)


def _choose(lesion_pixels: NDArray[np.int64], has_lung: NDArray[np.bool_], slice_mm: float) -> list[int]:
    """Slices from the feet upwards."""
    if lesion_pixels.any():
        return sorted(_most_lesion(lesion_pixels, SHEET_GAP_MM / slice_mm)[:SHEET_SLICES])
    candidates = np.flatnonzero(has_lung) if has_lung.any() else np.arange(len(has_lung))
    spread = np.linspace(0, len(candidates) - 1, min(SHEET_SLICES, len(candidates)) + 2)[1:-1]
    return sorted({int(candidates[round(position)]) for position in spread})


def _most_lesion(lesion_pixels: NDArray[np.int64], gap: float) -> list[int]:
    """Slices with lesion, those with most of it first, each at least `gap` slices from those before."""
    chosen: list[int] = []
    for k in np.argsort(-lesion_pixels, kind="stable").tolist():
        if lesion_pixels[k] and all(abs(k - other) >= gap for other in chosen):
            chosen.append(k)
    return chosen
