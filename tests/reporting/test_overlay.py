import numpy as np
import pytest

from infnet_monai.reporting.overlay import render_slices


def decode(picture):
    return picture.pixels.astype(int)


def test_lesions_are_outlined_in_red_and_lungs_in_blue():
    image = np.full((32, 32, 1), 0.5)
    lungs, lesions = np.zeros((2, 32, 32, 1), dtype=np.uint8)
    lungs[4:28, 4:28] = 2
    lesions[10:20, 10:20] = 1

    (picture,) = render_slices(image, lesions, lungs, size_px=32)

    red, green, blue = np.moveaxis(decode(picture), -1, 0)
    is_red, is_blue = red - blue > 80, blue - red > 80
    np.testing.assert_array_equal(np.argwhere(is_red).min(axis=0), [10, 10])
    np.testing.assert_array_equal(np.argwhere(is_red).max(axis=0), [19, 19])
    assert not is_red[12:18, 12:18].any()  # the CT stays visible within the outline
    np.testing.assert_array_equal(np.argwhere(is_blue).min(axis=0), [4, 4])
    np.testing.assert_array_equal(np.argwhere(is_blue).max(axis=0), [27, 27])
    assert abs(green[0, 0] - 127) < 12
    assert picture.lesion_pixels == 100


def test_rows_stay_rows_and_pixels_keep_their_proportions():
    image = np.zeros((20, 40, 1))
    image[:10] = 1  # front of the patient

    (picture,) = render_slices(image, np.zeros(image.shape), spacing_mm=(2.0, 1.0), size_px=64)

    pixels = decode(picture)
    assert pixels.shape == (64, 64, 3)
    assert pixels[:28].min() > 240
    assert pixels[36:].max() < 15


def test_only_slices_with_lung_or_lesion_are_drawn():
    image, lesions, lungs = np.zeros((3, 4, 4, 9))
    lungs[1:3, 1:3, 3:6] = 1
    lesions[1, 1, 7] = 1

    assert [picture.index for picture in render_slices(image, lesions, lungs)] == [3, 4, 5, 6, 7]
    assert len(render_slices(image, lesions)) == 9


@pytest.mark.parametrize("most_lesion", [0, 13, 37, 99])
def test_of_many_slices_evenly_spaced_ones_and_that_with_most_lesion_are_drawn(most_lesion):
    image, lesions = np.zeros((2, 4, 4, 100))
    lesions[1:3, 1:3, most_lesion] = 1

    pictures = render_slices(image, lesions, max_slices=10)

    indices = [picture.index for picture in pictures]
    assert len(indices) == 10
    assert indices == sorted(set(indices))
    assert most_lesion in indices
    assert max(np.diff(indices)) < 20
