import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.data.utils import set_rnd

from infnet_monai.errors import InputError
from infnet_monai.transforms import LungWindowd, RandLungWindowd, lung_window

KEPT = (-1700.0, 500.0)


def windowed(values, low, high):
    return ((torch.tensor(values) - low) / (high - low)).clamp(0, 1)


def test_a_scan_in_hu_looks_as_if_it_had_been_windowed_so_at_once():
    hu = [-3000.0, -1600.0, -1000.0, -600.0, 100.0, 200.0, 450.0, 3000.0]
    kept = lung_window(torch.tensor(hu), "hu", kept_hu=KEPT)
    for level, width in ((-750, 1900), (-450, 1900), (-600, 1100), (-500, 1400)):
        transform = RandLungWindowd("image", (level, level), (width, width), prob=1)
        expected = windowed(hu, level - width / 2, level + width / 2)
        torch.testing.assert_close(transform({"image": kept})["image"], expected, rtol=0, atol=1e-6)


def test_without_a_random_window_it_is_the_fixed_one():
    hu = torch.linspace(-2000, 1000, 50)
    kept = lung_window(hu, "hu", kept_hu=KEPT)
    assert kept.min() < 0
    assert kept.max() > 1
    assert torch.equal(RandLungWindowd("image", prob=0)({"image": kept})["image"], lung_window(hu, "hu"))


def test_grey_levels_get_the_same_gain_and_offset():
    grey = lung_window(torch.tensor([0.0, 51.0, 255.0]), "grey", kept_hu=KEPT)
    assert grey.tolist() == pytest.approx([0, 0.2, 1])
    shown = RandLungWindowd("image", (-450, -450), (1500, 1500), prob=1)({"image": grey})["image"]
    assert shown.tolist() == pytest.approx([0, 0.1, 0.9], abs=1e-6)


def test_windows_are_drawn_from_the_ranges_and_follow_from_the_seed():
    transform = RandLungWindowd("image", (-700, -500), (1200, 1800), prob=1)
    slices = torch.linspace(0.4, 0.6, 3)[None, None]
    set_rnd(transform, 5)
    first = [transform({"image": slices})["image"] for _ in range(200)]
    set_rnd(transform, 5)
    assert all(torch.equal(transform({"image": slices})["image"], one) for one in first)
    gains = np.array([float(one[0, 0, 2] - one[0, 0, 0]) / 0.2 for one in first])
    assert 1500 / 1800 - 1e-5 <= gains.min() < 0.87
    assert 1.2 < gains.max() <= 1500 / 1200 + 1e-5
    levels = -600 - np.array([float(one[0, 0, 1]) - 0.5 for one in first]) * 1500 / gains
    assert -700.01 <= levels.min() < -690
    assert -510 < levels.max() <= -499.99


@pytest.mark.parametrize("ranges", [{"level_hu": (-400, -600)}, {"width_hu": (0, 100)}, {"width_hu": (1900, 1100)}])
def test_impossible_ranges_are_refused(ranges):
    with pytest.raises(InputError, match="expected ranges"):
        RandLungWindowd("image", **ranges)


def test_dictionary_transform_keeps_hu_beyond_the_window_on_demand():
    item = {"image": MetaTensor(torch.tensor([-1700.0, -1000.0, 900.0]).reshape(1, 1, 1, 3))}
    kept = LungWindowd("image", kept_hu=[-1700, 500])(item)["image"]
    assert kept.flatten().tolist() == pytest.approx([-350 / 1500, 350 / 1500, 1850 / 1500])
