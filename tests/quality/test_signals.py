"""Signals of doubt, on maps small enough to count by hand."""

import pytest
import torch

from infnet_monai.quality import MapCounts, QualitySignals


def maps(*views):
    """Maps (V, 1, 1, W) of one slice of one row."""
    return torch.tensor(views)[:, None, None, :]


def test_agreement_is_the_mean_dice_of_all_pairs_of_maps():
    counts = MapCounts()
    counts.add(maps([0.9, 0.9, 0.1, 0.0], [0.9, 0.2, 0.1, 0.0], [0.9, 0.9, 0.9, 0.0]))
    signals = counts.signals()  # pairs: 2/3, 4/5, 2/4
    assert signals.agreement == pytest.approx((2 / 3 + 4 / 5 + 1 / 2) / 3)
    assert signals.lowest_agreement == pytest.approx(1 / 2)


def test_dice_is_that_of_the_volume_whatever_the_batches():
    whole, batched = MapCounts(), MapCounts()
    views = torch.rand(4, 6, 8, 8, generator=torch.Generator().manual_seed(0))
    whole.add(views)
    for batch in views.split(2, dim=1):
        batched.add(batch)
    assert batched.signals() == whole.signals()
    assert batched.slices == 6


def test_spread_is_relative_to_the_volume_of_the_last_map():
    counts = MapCounts()
    counts.add(maps([0.9, 0.9, 0.9, 0.9], [0.9, 0.9, 0.0, 0.0]))  # 4 and 2 pixels: deviation 1
    assert counts.signals().volume_spread == pytest.approx(1 / 2)


def test_uncertain_pixels_are_counted_among_those_that_may_be_lesion():
    counts = MapCounts()
    counts.add(maps([0.05, 0.2, 0.6, 0.95]))
    signals = counts.signals()
    assert signals.uncertain_fraction == pytest.approx(2 / 3)
    assert signals.lesion_fraction == pytest.approx(2 / 4)


def test_maps_without_lesion_agree():
    counts = MapCounts()
    counts.add(maps([0.0, 0.0], [0.0, 0.0]))
    signals = counts.signals()
    assert (signals.agreement, signals.volume_spread, signals.uncertain_fraction) == (1, 0, 0)


def test_lesion_that_the_last_map_has_lost_is_a_spread():
    counts = MapCounts()
    counts.add(maps([0.9, 0.9], [0.0, 0.0]))
    signals = counts.signals()
    assert (signals.agreement, signals.volume_spread) == (0, 1)


def test_one_map_says_nothing_of_agreement():
    counts = MapCounts()
    counts.add(maps([0.9, 0.2]))
    signals = counts.signals()
    assert (signals.agreement, signals.volume_spread) == (None, None)
    assert signals.uncertain_fraction == pytest.approx(1 / 2)


def test_without_slices_there_are_no_signals():
    assert MapCounts().signals() == QualitySignals()
