import pytest

from infnet_monai.comparison.options import check_overrides, parse_overrides
from infnet_monai.errors import InputError


def test_values_are_json_or_text():
    pairs = ["scales=[0.75,1]", "amp=false", "clip_value=null", "pretrained=weights/x=1.pth", "loss#reduction=sum"]
    assert parse_overrides(pairs) == {
        "scales": [0.75, 1],
        "amp": False,
        "clip_value": None,
        "pretrained": "weights/x=1.pth",
        "loss#reduction": "sum",
    }


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("epochs", "expected NAME=VALUE"),
        ("=3", "expected NAME=VALUE"),
        ("epochs=3", "give --epochs"),
        ("seed=1", "give --seeds"),
        ("output_dir=x", "the comparison sets it itself"),
    ],
)
def test_wrong_overrides(pair, message):
    with pytest.raises(InputError, match=message):
        parse_overrides([pair])


def test_unknown_items_are_refused_with_close_ones():
    config = {"epochs": 1, "image_size": [8, 8], "network_def": {}}
    check_overrides({"image_size": [4, 4], "network_def#pooling": "avg", "network_def::x": 1}, config, "a bundle")
    with pytest.raises(InputError, match="override 'imag_size': a bundle has no such item; did you mean image_size"):
        check_overrides({"imag_size": [4, 4]}, config, "a bundle")


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"seeds": ()}, "seeds none"), ({"seeds": (1, 1)}, "seeds 1, 1"), ({"epochs": 0}, "epochs 0")],
)
def test_impossible_options(options, changes, message):
    with pytest.raises(InputError, match=message):
        options(**changes)
