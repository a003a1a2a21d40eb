"""Risk and coverage of a few masks, worked out by hand."""

import numpy as np
import pytest

from infnet_monai.errors import InputError
from infnet_monai.quality.curves import best_possible, risk_coverage


def test_masks_are_kept_in_the_order_of_confidence():
    curve = risk_coverage([0.2, 0.9, 0.5], [0.4, 0.8, 0.6])
    assert curve.coverage == pytest.approx([1 / 3, 2 / 3, 1])
    assert curve.risk == pytest.approx([0.2, 0.3, 0.4])
    assert curve.area == pytest.approx(0.3)


def test_a_confidence_that_says_nothing_has_the_mean_risk_everywhere():
    curve = risk_coverage([1, 1, 1], [0.4, 0.8, 0.6])
    assert curve.risk == pytest.approx([0.4, 0.4, 0.4])


def test_no_order_beats_the_best_possible_one():
    rng = np.random.default_rng(0)
    dice = rng.uniform(size=30)
    assert best_possible(dice).area <= min(risk_coverage(rng.uniform(size=30), dice).area for _ in range(20))


def test_different_numbers_of_both_are_refused():
    with pytest.raises(InputError, match="as many of both"):
        risk_coverage([1, 2], [1])
