"""Picture of a data set: from each case the slice with the most lesion, as the network will see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from infnet_monai.data.datalist import load_datalist, read_datalist
from infnet_monai.data.slice_dataset import case_name
from infnet_monai.preparation.layouts import DEFAULT_LESION_LABELS
from infnet_monai.reporting.contact_sheet import SlicePicture, draw_contact_sheet
from infnet_monai.transforms.load import UPRIGHT, load_upright
from infnet_monai.transforms.window import lung_window


def draw_dataset_sheet(dataset_dir: str | Path, path: str | Path | None = None, limit: int = 24) -> Path:
    """Draw a contact sheet of a prepared data set, to see at a glance that masks fit and patients lie upright.

    Args:
        dataset_dir: folder that holds `dataset.json`.
        path: of the PNG; `contact_sheet.png` beside `dataset.json` where None.
        limit: most cases to draw; of a larger set as many, evenly spread.

    Returns:
        The path of the PNG.
    """
    datalist = read_datalist(dataset_dir)
    filled = [section for section in ("training", "validation", "test") if datalist.get(section)]
    cases = [(section, item) for section in filled for item in load_datalist(dataset_dir, section)]
    chosen = np.linspace(0, len(cases) - 1, min(limit, len(cases))).round().astype(int)
    pictures = [_picture_of_case(*cases[position]) for position in chosen]
    columns = 4 if len(pictures) <= 12 else 6
    return draw_contact_sheet(
        pictures, path or Path(dataset_dir) / "contact_sheet.png", columns, title=str(datalist.get("name", ""))
    )


def _picture_of_case(section: str, item: dict[str, Any]) -> SlicePicture:
    """The slice of a case with the largest lesion area."""
    axes = item.get("axes", UPRIGHT)
    image, label = (load_upright(item[key], axes) for key in ("image", "label"))
    lesion = np.isin(label[0].numpy(), item.get("lesion_labels", DEFAULT_LESION_LABELS))
    number = int(lesion.sum(axis=(0, 1)).argmax())
    spacing_mm = nib.affines.voxel_sizes(np.asarray(image.affine))
    return SlicePicture(
        image=lung_window(image.as_tensor())[0, ..., number].numpy(),
        reference=lesion[..., number],
        caption=f"{section}: {case_name(item['image'])}" + (f", slice {number}" if lesion.shape[-1] > 1 else ""),
        spacing_mm=(float(spacing_mm[0]), float(spacing_mm[1])),
    )
