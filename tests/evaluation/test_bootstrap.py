import math

import numpy as np
import pytest

from infnet_monai.evaluation.bootstrap import MeanInterval, mean_interval


def test_interval_of_zeros_and_ones_is_that_of_the_binomial():
    # the mean of 100 values, half of them 1, is binomial: 1.96 * sqrt(0.25 / 100) = 0.098
    found = mean_interval([0.0, 1.0] * 50)
    assert (found.mean, found.minimum, found.maximum) == (0.5, 0, 1)
    assert found.low == pytest.approx(0.5 - 0.098, abs=0.011)
    assert found.high == pytest.approx(0.5 + 0.098, abs=0.011)


def test_same_seed_same_interval():
    values = np.random.default_rng(1).normal(size=12)
    assert mean_interval(values, seed=3) == mean_interval(values, seed=3)
    assert mean_interval(values, seed=3).low != mean_interval(values, seed=4).low


def test_undefined_values_are_left_out_and_counted():
    found = mean_interval([0.2, math.nan, 0.4, 0.6])
    assert (found.mean, found.defined, found.undefined) == (pytest.approx(0.4), 3, 1)
    assert 0.2 <= found.low < 0.4 < found.high <= 0.6


def test_two_cases_have_a_mean_but_no_interval():
    assert mean_interval([0.2, math.nan, 0.4]) == MeanInterval(pytest.approx(0.3), None, None, 0.2, 0.4, 2, 1)


def test_no_case_has_nothing():
    assert mean_interval([math.nan]) == MeanInterval(None, None, None, None, None, 0, 1)
    assert mean_interval([]).undefined == 0
