from pathlib import Path

import pytest

from infnet_monai.bundle_folder import BUNDLES_DIR, copy_bundle, describe_bundles, find_bundle, list_bundles
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
    with pytest.raises(InputError, match="infnet_efficientnet_lite0, infnet_ggo_consolidation, infnet_iresnet50"):
        find_bundle("alexnet")


def test_a_copy_has_the_configurations_and_the_weights(tmp_path):
    folder = copy_bundle("efficientnet_lite0", tmp_path / "new")
    source = BUNDLES_DIR / "infnet_efficientnet_lite0"
    assert folder == tmp_path / "new" / "infnet_efficientnet_lite0"
    for name in ("LICENSE", "configs/train.json", "docs/README.md", "models/model.pt"):
        assert (folder / name).read_bytes() == (source / name).read_bytes()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["infnet_efficientnet_lite0"]


def test_a_copy_of_the_user_is_never_overwritten(tmp_path):
    train = copy_bundle("vgg16", tmp_path) / "configs" / "train.json"
    train.write_text("mine")
    with pytest.raises(InputError, match="exists already and stays as it is"):
        copy_bundle("vgg16", tmp_path)
    assert train.read_text() == "mine"


def test_a_copy_beside_the_bundles_of_a_checkout_is_refused(tmp_path):
    (tmp_path / "bundles" / "infnet_vgg16").mkdir(parents=True)
    with pytest.raises(InputError, match="would be unclear"):
        copy_bundle("vgg16", tmp_path)


def test_a_copy_where_nothing_can_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        copy_bundle("vgg16", tmp_path / "file")


def test_bundles_are_described_by_weights_and_licence():
    bundles = {summary.name: summary for summary in describe_bundles()}
    shipped = bundles["infnet_efficientnet_lite0"]
    assert shipped.weights_bytes == (BUNDLES_DIR / shipped.name / "models" / "model.pt").stat().st_size
    assert "Apache-2.0" in shipped.licence
    assert list(bundles) == list_bundles()
