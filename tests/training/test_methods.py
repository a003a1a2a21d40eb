import json
import shutil
from pathlib import Path

import pytest

from infnet_monai.errors import InputError
from infnet_monai.training.methods import find_methods

BUNDLES_DIR = Path(__file__).parents[2] / "bundles"


def test_bundles_by_either_name_or_folder(tmp_path):
    own = shutil.copytree(BUNDLES_DIR / "infnet_vgg16", tmp_path / "mine")
    methods = find_methods(["vgg16", "infnet_resnet50", str(own)], ["unet"], BUNDLES_DIR)
    assert [method.name for method in methods] == ["infnet_vgg16", "infnet_resnet50", "mine", "unet"]
    assert methods[2].bundle == own
    assert methods[3].bundle == BUNDLES_DIR / "infnet_resnet50"


def test_overlay_lies_over_the_bundle_and_a_baseline_over_both(tmp_path):
    own = shutil.copytree(BUNDLES_DIR / "infnet_resnet50", tmp_path / "infnet_resnet50")
    overlay = {"epochs": 3, "network_def#decoder_channels": 8}
    (own / "configs" / "short.json").write_text(json.dumps(overlay))
    bundle, unet = find_methods([str(own)], ["unet"], tmp_path)
    assert bundle.config()["epochs"] == 100
    assert bundle.config("short.json")["epochs"] == 3
    assert bundle.config("short.json")["network_def"]["decoder_channels"] == 8
    assert unet.config("short.json")["network_def"]["_target_"] == "UNet"


@pytest.mark.parametrize(
    ("bundles", "baselines", "message"),
    [
        (["vgg17"], [], "bundle 'vgg17': not in .* there are infnet_efficientnet_lite0"),
        ([], ["transunet"], "baseline 'transunet': unknown; expected one of unet, "),
        (["vgg16", "infnet_vgg16"], [], "infnet_vgg16: named 2 times"),
        ([], [], "nothing to compare"),
    ],
)
def test_wrong_names(bundles, baselines, message):
    with pytest.raises(InputError, match=message):
        find_methods(bundles, baselines, BUNDLES_DIR)


def test_overlay_that_a_bundle_lacks():
    (method,) = find_methods(["vgg16"], [], BUNDLES_DIR)
    with pytest.raises(InputError, match=r"none\.json: no such file; infnet_vgg16 needs it"):
        method.config_files("none.json")
    with pytest.raises(InputError, match=r"none\.json: no such file; infnet_vgg16 needs it"):
        method.evaluation_files("none.json")
