"""Fitting the rule on samples whose Dice is known to follow from them."""

import numpy as np
import pytest

from infnet_monai.errors import InputError
from infnet_monai.quality.fit import QualitySample, fit_rule, held_out_rules
from infnet_monai.quality.model import sigmoid
from infnet_monai.quality.predictors import PREDICTORS


def samples(cases=12, noise=0.1, wrong_sign=False):
    """Dice falls with the image distance alone; each case has itself and four damaged copies."""
    rng = np.random.default_rng(0)
    made = []
    for case in range(cases):
        for level in range(5):
            distance = level * 0.7 + rng.uniform(0, 0.3)
            predictors = dict.fromkeys(PREDICTORS, 0.0) | {"image_distance": distance}
            log_odds = 1.5 + (1 if wrong_sign else -1) * distance + rng.normal(0, noise)
            dice, name = sigmoid(log_odds), "noise" if level else ""
            made.append(QualitySample(f"case_{case}", name, level, dice, 50.0, 50.0 / dice, False, predictors))
    return made


def test_the_line_behind_the_samples_is_found():
    rule = fit_rule(samples(noise=0.0))
    assert rule.weights["image_distance"] == pytest.approx(-1, abs=0.05)
    assert rule.log_odds(dict.fromkeys(PREDICTORS, 0.0) | {"image_distance": 2.0}) == pytest.approx(-0.5, abs=0.1)


def test_nothing_can_raise_the_predicted_dice():
    rule = fit_rule(samples(wrong_sign=True))
    assert all(weight <= 0 for weight in rule.weights.values())
    assert rule.weights["image_distance"] == pytest.approx(0, abs=1e-6)


def test_one_undamaged_case_in_ten_is_flagged_at_most():
    made = samples(cases=20)
    rule = fit_rule(made)
    flagged = [
        rule.light(sigmoid(rule.log_odds(one.predictors)), one.predictors) != "good" for one in made if not one.damage
    ]
    assert np.mean(flagged) <= 0.1


def test_ranges_hold_for_cases_that_the_fit_has_not_seen():
    inside, volumes = [], []
    for sample, rule in held_out_rules(samples(cases=14, noise=0.5)):
        log_odds = rule.log_odds(sample.predictors)
        low, high = (sigmoid(log_odds + error) for error in rule.errors)
        inside.append(low <= sample.dice <= high)
        volume = rule.volume_range(sample.lesion_ml, sigmoid(log_odds))
        volumes.append(volume[0] <= sample.reference_ml <= volume[1])
    assert 0.8 <= np.mean(inside) <= 1
    assert 0.8 <= np.mean(volumes) <= 1


def test_each_case_is_estimated_without_itself():
    made = samples(cases=6, noise=0.0)
    odd = [QualitySample("odd", "", 0, 0.99, 1.0, 1.0, False, dict.fromkeys(PREDICTORS, 0.0) | {"smallness": 3.0})]
    rules = {sample.case: rule for sample, rule in held_out_rules([*made, *odd])}
    assert rules["odd"].usual["smallness"] == 0
    assert rules["case_0"].usual["smallness"] > 0


def test_fewer_than_four_cases_are_refused():
    with pytest.raises(InputError, match="3 held-out cases"):
        fit_rule(samples(cases=3))
