import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from infnet_monai.inference import Segmentation, scan_pictures
from infnet_monai.inference.scan_pictures import draw_scan_sheet


@pytest.fixture
def shown(monkeypatch, tmp_path):
    """Draw a scan whose slices have these numbers of lesion pixels; return the numbers of the slices shown."""

    def draw(lesion_pixels, slice_mm, lung_slices=()):
        depth = len(lesion_pixels)
        axes = torch.tensor([[0, -1, 0, 0], [-1, 0, 0, 0], [0, 0, slice_mm, 0], [0, 0, 0, 1]])  # to P, L, S
        image = MetaTensor(torch.zeros(1, 8, 8, depth), affine=axes)
        lesions, lungs = np.zeros((2, 8, 8, depth), np.uint8)
        for k, count in enumerate(lesion_pixels):
            lesions[..., k].flat[:count] = 1
        lungs[..., list(lung_slices)] = 1
        tiles = []
        monkeypatch.setattr(scan_pictures, "draw_contact_sheet", lambda these, path, **_: tiles.extend(these))
        draw_scan_sheet(Segmentation(lesions, lungs, image.affine, image, "hu"), tmp_path / "sheet.png")
        return [int(tile.caption.split()[1]) for tile in tiles]

    return draw


def test_thick_slices_with_most_lesion_are_shown_in_their_order(shown):
    assert shown([9, 1, 8, 7, 2, 6, 5, 4, 0, 3], 5.0) == [1, 3, 4, 5, 6, 7, 8, 10]


def test_thin_slices_are_five_millimetres_apart(shown):
    assert shown([0, 20, 30, 25, 10, 10, 10, 9, 9, 9], 1.0) == [3, 8]
    assert shown([0, 20, 30, 25, 10, 10, 10, 9, 9, 9], 2.5) == [3, 5, 7, 9]


def test_without_lesion_slices_of_the_lungs_are_shown(shown):
    assert shown([0] * 30, 1.0, lung_slices=range(10, 20)) == [12, 13, 14, 15, 16, 17, 18, 19]
