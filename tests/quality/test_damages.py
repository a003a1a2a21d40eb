"""Damages: graded, repeatable, within the intensities of the scan."""

import numpy as np
import pytest

from infnet_monai.errors import InputError
from infnet_monai.quality.damages import DAMAGES, damaged


@pytest.fixture(scope="module")
def scan():
    """Grey levels of a window: a body with two dark lungs, 10 slices."""
    volume = np.zeros((128, 128, 10), dtype=np.float32)
    volume[16:112, 8:120] = 180
    volume[32:96, 20:56] = volume[32:96, 72:108] = 40
    volume[60:64, 60:68] = 255
    return volume


@pytest.mark.parametrize("name", DAMAGES)
def test_each_level_changes_more_than_the_one_before(scan, name):
    changes = [np.abs(damaged(scan, name, level) - scan).mean() for level in (1, 2, 3)]
    assert 0 < changes[0] < changes[1] < changes[2]


@pytest.mark.parametrize("name", DAMAGES)
def test_shape_and_range_of_intensities_stay(scan, name):
    result = damaged(scan, name, 3)
    assert result.shape == scan.shape
    assert result.dtype == np.float32
    assert scan.min() <= result.min()
    assert result.max() <= scan.max() + 1e-3


@pytest.mark.parametrize("name", DAMAGES)
def test_the_same_seed_gives_the_same_damage_and_leaves_the_scan_alone(scan, name):
    before = scan.copy()
    assert np.array_equal(damaged(scan, name, 2, seed=7), damaged(scan, name, 2, seed=7))
    assert np.array_equal(scan, before)


def test_missing_slices_are_black_and_in_a_row(scan):
    black = np.flatnonzero((damaged(scan, "missing slices", 2) == 0).all(axis=(0, 1)))
    assert len(black) == 4  # 45 % of 10, rounded to even
    assert (np.diff(black) == 1).all()


def test_other_organs_have_no_air_in_the_end(scan):
    assert damaged(scan, "other organs", 3).min() > 0.4 * 255


def test_unknown_damages_and_levels_are_refused(scan):
    with pytest.raises(InputError, match="'fog', level 1: expected one of noise"):
        damaged(scan, "fog", 1)
    with pytest.raises(InputError, match="and 1, 2 or 3"):
        damaged(scan, "noise", 4)
