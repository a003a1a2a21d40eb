import numpy as np
import pytest
from PIL import Image

from infnet_monai.errors import InputError
from infnet_monai.reporting.overlay import ViewerSlice
from infnet_monai.reporting.slice_sheet import SliceSheet, read_slice_sheet, write_slice_sheet


def make_slices(levels, lesion_pixels):
    return [
        ViewerSlice(10 + k, np.full((24, 32, 3), level, np.uint8), pixels)
        for k, (level, pixels) in enumerate(zip(levels, lesion_pixels, strict=True))
    ]


def test_tiles_run_row_by_row_and_the_file_says_what_they_are(tmp_path):
    slices = make_slices([20 * k for k in range(10)], [0, 0, 7, 9, 9, 0, 0, 0, 0, 0])

    sheet = write_slice_sheet(slices, tmp_path / "slices.jpg")

    assert sheet == SliceSheet(32, 24, 8, tuple(range(11, 21)), (0, 0, 7, 9, 9, 0, 0, 0, 0, 0))
    assert (sheet.rows, sheet.start) == (2, 3)
    assert read_slice_sheet(tmp_path / "slices.jpg") == sheet
    pixels = np.asarray(Image.open(tmp_path / "slices.jpg")).astype(int)
    assert pixels.shape == (48, 256, 3)
    centres = [pixels[12 + 24 * (k // 8), 16 + 32 * (k % 8), 0] for k in range(10)]
    np.testing.assert_allclose(centres, [20 * k for k in range(10)], atol=2)


def test_without_lesion_the_viewer_opens_in_the_middle(tmp_path):
    assert write_slice_sheet(make_slices([0] * 5, [0] * 5), tmp_path / "slices.jpg").start == 2


@pytest.mark.parametrize("content", ["text", "picture", "nothing"])
def test_another_file_is_no_sheet(tmp_path, content):
    path = tmp_path / "slices.jpg"
    if content == "text":
        path.write_text("mine")
    elif content == "picture":
        Image.new("RGB", (8, 8)).save(path)
    with pytest.raises(InputError, match=r"slices\.jpg: is no sheet of slices"):
        read_slice_sheet(path)
