import pytest

from infnet_monai.errors import InputError
from infnet_monai.semi.options import SET_HERE
from infnet_monai.training import parse_overrides


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group_size": 0}, "group_size 0"),
        ({"iterations": 0}, "iterations 0"),
        ({"epochs": 0}, "epochs 0"),
        ({"fine_tune_epochs": -1}, "fine_tune_epochs -1"),
        ({"round_learning_rate": 0.0}, "round_learning_rate 0"),
        ({"fine_tune_learning_rate": float("nan")}, "fine_tune_learning_rate nan"),
        ({"threshold": 1.0}, "threshold 1: expected a probability"),
        ({"overrides": {"imag_size": [8, 8]}}, "did you mean image_size"),
        ({"overlays": ["none.json"]}, r"none\.json: no such file"),
    ],
)
def test_impossible_options(options, changes, message):
    with pytest.raises(InputError, match=message):
        options(**changes)


def test_values_are_those_of_the_bundle_unless_given(options):
    assert options(overrides={}).training_epochs() == 100
    assert options(epochs=3).training_epochs() == 3
    assert options(overrides={}).rate_of_rounds() == pytest.approx(1e-5)
    assert options(overrides={"learning_rate": 0.3}).rate_of_rounds() == pytest.approx(0.03)
    assert options(round_learning_rate=0.2).rate_of_rounds() == 0.2
    assert options(overrides={}, overlays=["train_best.json"]).rate_of_rounds() == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("epochs=3", "give --epochs"),
        ("seed=1", "give --seed$"),
        ("init_weights=a.pt", "give --weights"),
        ("ckpt_dir=x", "the propagation sets it itself"),
        ("image_size", "expected NAME=VALUE"),
    ],
)
def test_wrong_overrides(pair, message):
    with pytest.raises(InputError, match=message):
        parse_overrides(["amp=false", pair], SET_HERE)
