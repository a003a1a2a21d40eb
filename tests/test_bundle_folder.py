from pathlib import Path

import pytest

from infnet_monai.bundle_folder import BUNDLES_DIR, find_bundle, list_bundles
from infnet_monai.errors import InputError


@pytest.fixture
def planted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("infnet_vgg16", "mine"):
        (tmp_path / name / "configs").mkdir(parents=True)
        (tmp_path / name / "configs" / "inference.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize("name", ["vgg16", "infnet_vgg16"])
def test_a_name_means_the_projects_own_bundle_even_where_the_current_folder_has_one(planted, name):
    assert find_bundle(name) == BUNDLES_DIR / "infnet_vgg16"


@pytest.mark.parametrize("given", ["./mine", "mine/", Path("mine")])
def test_a_path_means_that_folder(planted, given):
    assert find_bundle(given) == (planted / "mine").resolve()


def test_a_bare_name_of_a_folder_is_refused_with_the_remedy(planted):
    with pytest.raises(InputError, match=r"bundle mine: unknown.*give \./mine"):
        find_bundle("mine")


def test_a_folder_without_the_configuration_is_refused(planted):
    with pytest.raises(InputError, match=r"no configs/train\.json"):
        find_bundle("./mine", "train.json")


def test_unknown_names_are_answered_with_the_known_ones():
    assert "infnet_vgg16" in list_bundles()
    with pytest.raises(InputError, match="infnet_efficientnet_lite0, infnet_iresnet50"):
        find_bundle("alexnet")
