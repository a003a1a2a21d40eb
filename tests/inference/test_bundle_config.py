import json
import shutil

import pytest
from band_network import OVERRIDES

from infnet_monai.bundle_folder import find_bundle
from infnet_monai.errors import InputError
from infnet_monai.inference import SegmentationSettings, Segmenter
from infnet_monai.inference.bundle_config import NEEDED_IDS
from infnet_monai.scans import Acceptance


@pytest.fixture
def bundle(tmp_path):
    """A copy of a bundle's configuration."""
    shutil.copytree(find_bundle("efficientnet_lite0") / "configs", tmp_path / "my_bundle" / "configs")
    return tmp_path / "my_bundle"


def edit(bundle, change):
    path = bundle / "configs" / "inference.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    return path


@pytest.mark.parametrize("name", NEEDED_IDS)
def test_a_missing_id_is_named_with_its_file_and_purpose(bundle, band_weights, name):
    path = edit(bundle, lambda config: config.pop(name))
    with pytest.raises(InputError) as caught:
        Segmenter(bundle, weights=band_weights)
    assert str(caught.value).startswith(f"{path}: has no '{name}' ({NEEDED_IDS[name]})")
    assert "\n" not in str(caught.value)


def test_preprocessing_that_does_not_reorient_is_refused(bundle, band_weights):
    def drop(config):
        config["preprocessing"] = {"_target_": "Compose", "transforms": []}

    path = edit(bundle, drop)
    with pytest.raises(InputError, match="has no Orientationd") as caught:
        Segmenter(bundle, device="cpu", weights=band_weights, **OVERRIDES)
    assert str(path) in str(caught.value)


def test_nested_compose_is_segmented_with_like_a_flat_one(bundle, band_weights, segmenter, chest_file):
    def nest(config):
        config["flat"] = config["preprocessing"]
        inner = {"_target_": "Compose", "transforms": "$@flat.transforms[:3]"}
        outer = "$[@inner, *@flat.transforms[3:]]"
        config |= {"inner": inner, "preprocessing": {"_target_": "Compose", "transforms": outer}}

    edit(bundle, nest)
    nested = Segmenter(bundle, device="cpu", weights=band_weights, **OVERRIDES)
    assert (nested.segment(chest_file).mask == segmenter.segment(chest_file).mask).all()


@pytest.mark.parametrize("file", ["inference.json", "metadata.json"])
def test_a_damaged_file_of_a_bundle_is_one_line(bundle, band_weights, file):
    (bundle / "configs" / file).write_text("{")
    with pytest.raises(InputError, match=rf"{file}: cannot be read .* give the folder of a whole bundle") as caught:
        Segmenter(bundle, weights=band_weights, device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"intensity": "HU"}, "intensity 'HU' is unknown; give one of auto, hu, grey, unit"),
        ({"threshold": 1.5}, "threshold 1.5 cannot be used; give a probability from 0 to 1"),
        ({"threshold": "0.5"}, "threshold '0.5' cannot be used"),
        ({"lung_crop": "no"}, "lung_crop 'no' cannot be used; give True or False"),
        ({"flips": 1}, "flips 1 cannot be used"),
        ({"accept": ["nonsense"]}, "accept 'nonsense': unknown; what can be accepted: missing-slices, "),
        ({"accept": "unreadable"}, "accept 'unreadable': the file cannot be read; there is nothing to accept"),
        ({"accept": 3}, "accept 3 cannot be used; give codes of problems"),
        ({"all_scans": "yes"}, "all_scans 'yes' cannot be used; give True or False"),
        ({"image_size": 352}, "image_size 352 cannot be used; give height and width"),
        ({"image_size": [352, 0]}, "image_size"),
    ],
)
def test_values_that_cannot_be_used_are_refused_before_anything_is_loaded(tmp_path, value, words):
    with pytest.raises(InputError) as caught:
        Segmenter(device="cpu", weights=tmp_path / "none.pt", **value)
    assert words in str(caught.value)


def test_a_bundle_need_not_say_what_is_accepted(bundle, band_weights):
    def drop(config):
        del config["accept"], config["all_scans"]

    edit(bundle, drop)
    options = {"device": "cpu", "weights": band_weights, **OVERRIDES}
    assert Segmenter(bundle, **options).acceptance == Acceptance()
    assert Segmenter(bundle, accept="no-lungs", **options).acceptance == Acceptance(("no-lungs",))


def test_settings_survive_json():
    settings = SegmentationSettings((96, 64), "hu", True, 0.4, False)
    assert SegmentationSettings(**json.loads(json.dumps(settings.as_dict()))) == settings
