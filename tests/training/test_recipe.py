import json
import shutil
from pathlib import Path

import pytest

from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256
from infnet_monai.training import Recipe, parse_overrides

BUNDLES_DIR = Path(__file__).parents[2] / "bundles"


@pytest.fixture
def own(tmp_path):
    """A bundle with a second config file, in a folder of its own."""
    folder = shutil.copytree(BUNDLES_DIR / "infnet_resnet50", tmp_path / "mine")
    (folder / "configs" / "short.json").write_text(json.dumps({"epochs": 3, "network_def#decoder_channels": 8}))
    return folder


def test_bundles_by_either_name_or_folder(own, monkeypatch):
    names = ["vgg16", "infnet_vgg16", str(own), own]
    assert [Recipe.find(name).name for name in names] == ["infnet_vgg16", "infnet_vgg16", "mine", "mine"]
    assert Recipe.find(str(own)).bundle == own
    monkeypatch.chdir(own.parent)
    assert Recipe.find("./mine").bundle == own
    with pytest.raises(InputError, match="bundle mine: unknown; expected one of infnet_efficientnet_lite0"):
        Recipe.find("mine")  # a bare name never means a folder of the current directory


def test_overlays_go_over_the_bundle_and_overrides_over_both(own):
    assert Recipe.find(own).value("epochs") == 100
    short = Recipe.find(own, ["short.json"])
    assert short.value("epochs") == 3
    assert short.value("network_def#decoder_channels") == 8
    assert short.config()["network_def"]["backbone"] == "resnet50"
    other = short.extended(overrides={"epochs": 7, "network_def#backbone": "vgg16"})
    assert (other.value("epochs"), other.config()["network_def"]["backbone"]) == (7, "vgg16")
    assert [file.name for file in other.config_files()] == ["train.json", "short.json"]
    assert short.value("epochs") == 3


def test_values_are_given_as_they_are_written(own):
    assert Recipe.find(own).value("ckpt_dir") == "$@bundle_root + '/models'"
    with pytest.raises(InputError, match="mine: has no item epoch; a training by this project needs it"):
        Recipe.find(own).value("epoch")


def test_parser_reads_the_bundle_in_its_own_folder_with_items_over_all(own):
    parser = Recipe.find(own, overrides={"epochs": 7}).parser(epochs=8, dataset_dir="data")
    assert parser.get_parsed_content("ckpt_dir") == f"{own}/models"
    assert (parser["epochs"], parser["dataset_dir"]) == (8, "data")


def test_hashes_name_the_files(own):
    assert Recipe.find(own, ["short.json"]).hashes() == {
        f"sha256 of {name}": file_sha256(own / "configs" / name) for name in ("train.json", "short.json")
    }


def test_files_that_a_bundle_lacks():
    for ask in (lambda: Recipe.find("vgg16", ["none.json"]), lambda: Recipe.find("vgg16").files("none.json")):
        with pytest.raises(InputError, match=r"none\.json: no such file; infnet_vgg16 needs it"):
            ask()


def test_unknown_items_are_refused_with_close_ones(own):
    overrides = {"image_size": [4, 4], "network_def#pooling": "avg", "network_def::x": 1}
    assert Recipe.find(own, overrides=overrides).overrides == overrides
    with pytest.raises(InputError, match="override 'imag_size': mine has no such item; did you mean image_size"):
        Recipe.find(own, overrides={"imag_size": [4, 4]})
    with pytest.raises(InputError, match="override 'epoch': mine has no such item; did you mean epochs"):
        Recipe.find(own).extended(overrides={"epoch": 4})


def test_values_of_overrides_are_json_or_text():
    pairs = ["scales=[0.75,1]", "amp=false", "clip_value=null", "pretrained=weights/x=1.pth", "loss#reduction=sum"]
    assert parse_overrides(pairs, {}) == {
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
        ("epochs=3", "override 'epochs=3': give --epochs"),
    ],
)
def test_wrong_overrides(pair, message):
    with pytest.raises(InputError, match=message):
        parse_overrides(["amp=false", pair], {"epochs": "give --epochs"})
