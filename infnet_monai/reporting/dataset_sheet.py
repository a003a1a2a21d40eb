"""Picture of a data set: from each case the slice with the most lesion, as the network will see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from infnet_monai.data.datalist import SECTIONS, load_datalist, read_datalist
from infnet_monai.data.slice_dataset import case_of
from infnet_monai.preparation.case_files import DEFAULT_LESION_LABELS, SHEET_NAME
from infnet_monai.reporting.contact_sheet import SlicePicture, draw_contact_sheet
from infnet_monai.scans.acceptance import named_scan
from infnet_monai.scans.load import UPRIGHT, load_upright
from infnet_monai.transforms.window import lung_window


def draw_dataset_sheet(dataset_dir: str | Path, path: str | Path | None = None, limit: int = 24) -> Path:
    """Draw a contact sheet of a prepared data set, to see at a glance that masks fit and patients lie upright.

    Args:
        dataset_dir: Folder that holds ``dataset.json``.
        path: PNG file to write; None for ``contact_sheet.png`` beside ``dataset.json``.
        limit: Largest number of cases to draw; of a larger set as many, evenly spread.

    Returns:
        The path of the PNG.
    """
    datalist = read_datalist(dataset_dir)
    filled = [section for section in SECTIONS if datalist.get(section)]
    cases = [(section, item) for section in filled for item in load_datalist(dataset_dir, section)]
    chosen = np.linspace(0, len(cases) - 1, min(limit, len(cases))).round().astype(int)
    pictures = [_picture_of_case(*cases[position]) for position in chosen]
    columns = 4 if len(pictures) <= 12 else 6
    return draw_contact_sheet(
        pictures, path or Path(dataset_dir) / SHEET_NAME, columns, title=str(datalist.get("name", ""))
    )


def _picture_of_case(section: str, item: dict[str, Any]) -> SlicePicture:
    """The slice of a case with the largest lesion area."""
    axes = item.get("axes", UPRIGHT)
    accept = item.get("accept", ())
    image = load_upright(named_scan(item["image"], accept), axes)
    label = load_upright(named_scan(item["label"], accept), axes, mask=True)
    lesion = np.isin(label[0].numpy(), item.get("lesion_labels", DEFAULT_LESION_LABELS))
    number = int(lesion.sum(axis=(0, 1)).argmax())
    spacing_mm = nib.affines.voxel_sizes(np.asarray(image.affine))
    return SlicePicture(
        image=lung_window(image.as_tensor())[0, ..., number].numpy(),
        reference=lesion[..., number],
        caption=f"{section}: {case_of(item)}" + (f", slice {number}" if lesion.shape[-1] > 1 else ""),
        spacing_mm=(float(spacing_mm[0]), float(spacing_mm[1])),
    )
