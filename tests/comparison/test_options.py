import shutil
from pathlib import Path

import pytest

from infnet_monai.comparison.options import SET_HERE, find_methods
from infnet_monai.errors import InputError
from infnet_monai.training import parse_overrides

BUNDLES_DIR = Path(__file__).parents[2] / "bundles"


def test_methods_are_bundles_and_baselines_by_a_bundles_recipe(tmp_path):
    own = shutil.copytree(BUNDLES_DIR / "infnet_vgg16", tmp_path / "mine")
    methods = find_methods(["vgg16", "infnet_resnet50", str(own)], ["unet"])
    assert [method.name for method in methods] == ["infnet_vgg16", "infnet_resnet50", "mine", "unet"]
    assert methods[2].recipe.bundle == own
    assert methods[3].recipe.bundle == BUNDLES_DIR / "infnet_resnet50"


def test_a_baseline_goes_over_bundle_and_overlay():
    (unet,) = find_methods([], ["unet"])
    assert unet.recipe.extended(["train_best.json"]).value("network_def#_target_") == "UNet"
    assert unet.recipe.extended(["train_best.json"]).value("epochs") == 40


@pytest.mark.parametrize(
    ("bundles", "baselines", "message"),
    [
        (["vgg17"], [], "bundle vgg17: unknown; expected one of infnet_efficientnet_lite0"),
        ([], ["transunet"], "baseline 'transunet': unknown; expected one of unet, "),
        (["vgg16", "infnet_vgg16"], [], "infnet_vgg16: named 2 times"),
        ([], [], "nothing to compare"),
    ],
)
def test_wrong_names(bundles, baselines, message):
    with pytest.raises(InputError, match=message):
        find_methods(bundles, baselines)


@pytest.mark.parametrize(
    ("pair", "message"),
    [("epochs=3", "give --epochs"), ("seed=1", "give --seeds"), ("output_dir=x", "the comparison sets it itself")],
)
def test_what_the_comparison_sets_is_no_override(pair, message):
    with pytest.raises(InputError, match=message):
        parse_overrides([pair], SET_HERE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"seeds": ()}, "seeds none"), ({"seeds": (1, 1)}, "seeds 1, 1"), ({"epochs": 0}, "epochs 0")],
)
def test_impossible_options(options, changes, message):
    with pytest.raises(InputError, match=message):
        options(**changes)
