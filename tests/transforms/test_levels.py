import re

import numpy as np
import pytest

from infnet_monai.transforms.levels import describe_scale, measure_levels

ROWS, COLUMNS = np.mgrid[:60, :80]


def chest(air=-1000.0, lung=-850.0, tissue=40.0):
    """Two slices of a body in air with two lungs."""
    image = np.full((60, 80, 2), air)
    image[5:55, 10:70] = tissue
    image[15:45, 15:35] = image[15:45, 45:65] = lung
    return image


def noisy(image):
    return image + np.random.default_rng(0).normal(0, 10, image.shape)


def test_levels_of_a_chest():
    levels = measure_levels(chest())
    assert (levels.low, levels.high) == (-1000, 40)
    assert (levels.dark, levels.bright, levels.contrast) == (-1000, 40, 1040)
    assert not levels.padding.any()


@pytest.mark.parametrize("padding", [-2000, -3024, -32768])
def test_padding_is_left_out(padding):
    image = chest()
    image[:4] = padding
    levels = measure_levels(image)
    np.testing.assert_array_equal(levels.padding[:4], True)
    assert levels.padding.mean() == pytest.approx(4 / 60)
    assert (levels.low, levels.dark, levels.bright) == (padding, -1000, 40)


def test_padding_that_resampling_has_blurred_is_left_out():
    image = chest()
    image[:6] = -3024
    image[6, ::2], image[6, 1::2] = -2000, -2500
    assert measure_levels(image).bright == 40


def test_metal_does_not_move_the_levels():
    image = chest()
    image[30, 40, 0] = 30000
    assert measure_levels(image).bright == 40


@pytest.mark.parametrize("value", [-1000.0, 0.0, 7.0])
def test_an_image_of_one_value_has_this_level(value):
    levels = measure_levels(np.full((4, 5, 1), value))
    assert (levels.dark, levels.bright) == (value, value)
    assert not levels.is_inverted


def test_inverted_chest_is_seen_by_what_surrounds_what():
    assert measure_levels(noisy(-chest())).is_inverted
    assert not measure_levels(noisy(chest())).is_inverted
    cut = chest()[8:52, 12:68]  # tissue surrounds the lungs
    assert not measure_levels(noisy(cut)).is_inverted


def test_inverted_lungs_cut_by_the_border_are_seen_by_their_vessels():
    lung = np.full((60, 80, 2), -850.0)
    lung[40:] = 40  # chest wall
    lung[5:35:6, 5:75:6] = 40  # vessels
    assert measure_levels(noisy(-lung)).has_dark_vessels
    assert not measure_levels(noisy(lung)).has_dark_vessels


@pytest.mark.parametrize(
    ("image", "what", "remedy"),
    [
        (chest() + 1024, r"HU shifted by about \+1024", "Subtract 1024"),
        (chest() - 1024, "HU shifted by about -1024", "Add 1024"),
        (chest() + 500, r"HU shifted by about \+540", "Subtract 540"),
        (chest() * 10, "scaled by about 10 ", "Rescale"),
        ((chest() + 1024) / 2, r"scaled by about 0\.52", "Rescale"),
        (noisy(-chest()), "inverted", "Invert"),
        (chest() / 1000, "normalised", "in HU"),
    ],
)
def test_what_an_image_looks_like(image, what, remedy):
    likeness = describe_scale(measure_levels(image))
    assert re.search(what, likeness.what)
    assert remedy in likeness.remedy
