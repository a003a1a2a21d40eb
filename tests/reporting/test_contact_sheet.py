import numpy as np
import pytest
from PIL import Image

from infnet_monai.reporting.contact_sheet import SlicePicture, choose_examples, draw_contact_sheet


def read(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def mid_grey(pixels):
    return (abs(pixels - 128) <= 1).all(axis=-1)


def green(pixels):
    return (pixels[..., 1] > 120) & (pixels[..., 0] < 100) & (pixels[..., 2] < 110)


def red(pixels):
    return (pixels[..., 0] > 150) & (pixels[..., 1] < 100) & (pixels[..., 2] < 100)


def square(rows, columns, size=40):
    mask = np.zeros((size, size), np.uint8)
    mask[rows, columns] = 1
    return mask


def test_outlines_lie_where_the_masks_are(tmp_path):
    tile = SlicePicture(
        image=np.full((40, 40), 0.5),
        reference=square(slice(5, 15), slice(0, 10)),
        prediction=square(slice(25, 35), slice(28, 38)),
    )
    pixels = read(draw_contact_sheet([tile], tmp_path / "made" / "sheet.png"))
    rows = np.flatnonzero(mid_grey(pixels).mean(axis=1) > 0.4)
    picture = pixels[rows[0] : rows[-1] + 1]
    height, width = picture.shape[:2]
    reference, prediction = np.argwhere(green(picture)), np.argwhere(red(picture))
    assert reference.mean(axis=0) / (height, width) == pytest.approx([0.25, 0.12], abs=0.06)
    assert prediction.mean(axis=0) / (height, width) == pytest.approx([0.75, 0.82], abs=0.06)


def test_legend_names_only_what_is_drawn(tmp_path):
    plain = read(draw_contact_sheet([SlicePicture(np.zeros((8, 8)))], tmp_path / "plain.png"))
    empty = SlicePicture(np.zeros((8, 8)), reference=np.zeros((8, 8)))
    legend = read(draw_contact_sheet([empty], tmp_path / "empty.png"))
    assert not green(plain).any()
    assert green(legend).any()
    assert not red(legend).any()


def test_proportions_follow_the_spacing(tmp_path):
    def grey_extent(spacing_mm):
        tile = SlicePicture(np.full((20, 20), 0.5), spacing_mm=spacing_mm)
        inside = np.argwhere(mid_grey(read(draw_contact_sheet([tile], tmp_path / "sheet.png"))))
        return np.ptp(inside, axis=0)

    assert grey_extent((1.0, 1.0))[0] == pytest.approx(grey_extent((1.0, 1.0))[1], abs=2)
    height, width = grey_extent((2.0, 1.0))
    assert height / width == pytest.approx(2, abs=0.05)


def test_hounsfield_units_are_windowed(tmp_path):
    hu = np.full((20, 20), -1350.0)
    hu[:, 10:] = 150
    pixels = read(draw_contact_sheet([SlicePicture(hu)], tmp_path / "sheet.png"))
    middle = pixels[pixels.shape[0] * 2 // 3]
    assert middle[: len(middle) // 2 - 10].max() < 5
    assert np.median(middle[len(middle) // 2 + 10 :]) == 255


def test_tiles_fill_rows_of_the_given_width(tmp_path):
    tiles = [SlicePicture(np.full((10, 10), 0.5), caption=f"slice {number}") for number in range(5)]
    wide = read(draw_contact_sheet(tiles, tmp_path / "wide.png", columns=3, title="five", dpi=50))
    high = read(draw_contact_sheet(tiles, tmp_path / "high.png", columns=2, dpi=50))
    assert wide.shape[1] == 3 * 140
    assert high.shape[1] == 2 * 140
    assert high.shape[0] > wide.shape[0]
    assert (wide.max(axis=-1) == 255).any()  # captions and title


def test_no_slices_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="at least one slice"):
        draw_contact_sheet([], tmp_path / "sheet.png")


@pytest.mark.parametrize(("count", "expected"), [(1, [0]), (2, [0, 9]), (4, [0, 3, 6, 9]), (20, list(range(10)))])
def test_examples_are_spread_over_the_list(count, expected):
    assert choose_examples(list(range(10)), count) == expected
