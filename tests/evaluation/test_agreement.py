import math

import pytest

from infnet_monai.evaluation.agreement import Agreement, difference_agreement, ratio_agreement, spans_orders


def test_bias_and_limits_worked_by_hand():
    # differences -1, 1, 3: mean 1, standard deviation 2
    found = difference_agreement([9, 21, 33], [10, 20, 30])
    assert (found.bias, found.low, found.high) == pytest.approx((1, 1 - 3.92, 1 + 3.92))
    assert (found.cases, found.left_out) == (3, 0)


def test_ratios_worked_by_hand():
    # ratios 1/2, 1, 2: geometric mean 1, standard deviation of the logarithms ln 2
    found = ratio_agreement([5, 20, 60], [10, 20, 30])
    assert (found.bias, found.low, found.high) == pytest.approx((1, 2**-1.96, 2**1.96))


def test_empty_predictions_have_no_ratio_and_are_counted():
    found = ratio_agreement([0, 20, 30, 40], [10, 20, 30, 40])
    assert (found.bias, found.cases, found.left_out) == (1, 3, 1)
    assert difference_agreement([0, 20, 30, 40], [10, 20, 30, 40]).bias == pytest.approx(-2.5)


def test_undefined_values_are_left_out():
    assert difference_agreement([1, math.nan], [2, 3]) == Agreement(-1, None, None, 1, 1)
    assert ratio_agreement([math.nan], [3.0]) == Agreement(None, None, None, 0, 1)


def test_two_cases_have_a_bias_but_no_limits():
    assert difference_agreement([3, 5], [1, 1]) == Agreement(3, None, None, 2, 0)


def test_range_above_ten_is_wide_and_undefined_values_do_not_count():
    assert spans_orders([1, 11])
    assert not spans_orders([1, 10, 0, math.nan])
    assert not spans_orders([math.nan])
