import json

import nibabel as nib
import numpy as np
import pytest

from infnet_monai.reporting import dataset_sheet
from infnet_monai.reporting.dataset_sheet import draw_dataset_sheet


@pytest.fixture
def dataset(tmp_path):
    """Three cases stored with axes R, A, S; the lesion of each is largest in its second slice, front right."""
    image = np.full((12, 10, 3), -900, np.int16)
    label = np.zeros(image.shape, np.uint8)
    label[9:12, 7:10, 1], label[10, 8, 2], label[0, 0, 0] = 1, 1, 3
    items = []
    for case in range(3):
        item = {"image": f"case_{case}.nii.gz", "label": f"case_{case}_seg.nii.gz"}
        for array, name in zip((image, label), item.values(), strict=True):
            nib.save(nib.Nifti1Image(array, np.diag([2.0, 3.0, 5.0, 1.0])), tmp_path / name)
        items.append(item)
    content = {"name": "three", "lesion_labels": [1], "training": items[:2], "validation": items[2:]}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    return tmp_path


def test_sheet_lies_beside_the_datalist(dataset):
    path = draw_dataset_sheet(dataset)
    assert path == dataset / "contact_sheet.png"
    assert path.stat().st_size > 1000


def test_pictures_show_the_largest_lesion_upright(dataset, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        dataset_sheet, "draw_contact_sheet", lambda tiles, path, columns, title: drawn.update(tiles=tiles)
    )
    draw_dataset_sheet(dataset, limit=2)
    first, last = drawn["tiles"]
    assert (first.caption, last.caption) == ("training: case_0, slice 1", "validation: case_2, slice 1")
    assert first.spacing_mm == pytest.approx((3.0, 2.0))
    expected = np.zeros((10, 12), bool)
    expected[:3, :3] = True  # patient's front above, patient's right on the viewer's left
    assert np.array_equal(first.reference, expected)
    assert first.image == pytest.approx(np.full((10, 12), 0.3))
