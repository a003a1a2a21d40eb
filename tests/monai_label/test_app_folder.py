import json

import pytest

from infnet_monai.errors import InputError
from infnet_monai.monai_label import write_app


@pytest.fixture
def prefix(tmp_path):
    """An environment with MONAI Label's sample app."""
    sample = tmp_path / "prefix" / "monailabel" / "sample-apps" / "monaibundle"
    (sample / "lib").mkdir(parents=True)
    (sample / "main.py").write_text("app")
    (sample / "lib" / "__init__.py").touch()
    return tmp_path / "prefix"


def make_bundle(folder, name="infnet_tiny", weights="first"):
    bundle = folder / name
    (bundle / "configs").mkdir(parents=True)
    (bundle / "configs" / "inference.json").write_text(json.dumps({"threshold": 0.5}))
    (bundle / "models").mkdir()
    if weights:
        (bundle / "models" / "model.pt").write_text(weights)
        (bundle / "models" / "last.pth").write_text("state")
    return bundle


def test_app_holds_the_sample_and_copies_of_the_bundles(tmp_path, prefix):
    bundle, app = make_bundle(tmp_path), tmp_path / "app"
    (model,) = write_app(app, [bundle], prefix)
    assert model == ("infnet_tiny", app / "model" / "infnet_tiny" / "models" / "model.pt", False)
    assert model.weights.read_text() == "first"
    assert (app / "main.py").read_text().startswith("app\n")
    assert (app / "main.py").read_text().endswith("add_quality(MyApp)\n")
    assert not (model.weights.parent / "last.pth").exists()
    assert not model.weights.is_symlink()


def test_laying_out_again_keeps_the_weights_and_renews_the_configs(tmp_path, prefix):
    bundle, app = make_bundle(tmp_path), tmp_path / "app"
    (model,) = write_app(app, [bundle], prefix)
    model.weights.write_text("fine-tuned")
    (app / "main.py").write_text("own app")
    (bundle / "models" / "model.pt").unlink()
    (bundle / "configs" / "inference.json").write_text(json.dumps({"threshold": 0.4}))
    (again,) = write_app(app, [bundle], prefix)
    assert again.kept
    assert again.weights.read_text() == "fine-tuned"
    assert (app / "main.py").read_text() == "own app"
    assert "0.4" in (app / "model" / "infnet_tiny" / "configs" / "inference.json").read_text()


def test_other_folder_is_not_made_an_app(tmp_path, prefix):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    with pytest.raises(InputError, match="is not the folder of a MONAI Label app"):
        write_app(tmp_path / "other", [make_bundle(tmp_path)], prefix)


def test_environment_without_monai_label_is_refused(tmp_path):
    with pytest.raises(InputError, match="MONAI Label is not installed"):
        write_app(tmp_path / "app", [make_bundle(tmp_path)], tmp_path)


def test_bundle_without_weights_is_refused(tmp_path, prefix):
    with pytest.raises(InputError, match=r"model\.pt: no such weights; train the bundle first"):
        write_app(tmp_path / "app", [make_bundle(tmp_path, weights=None)], prefix)


@pytest.mark.parametrize("name", ["my_DeepEdit", "lung_detection", "a,b"])
def test_name_that_monai_label_misreads_is_refused(tmp_path, prefix, name):
    with pytest.raises(InputError, match="MONAI Label misreads names"):
        write_app(tmp_path / "app", [make_bundle(tmp_path, name)], prefix)


def test_two_bundles_of_one_name_are_refused(tmp_path, prefix):
    bundles = [make_bundle(tmp_path / place) for place in ("one", "two")]
    with pytest.raises(InputError, match="infnet_tiny: several bundles have this name"):
        write_app(tmp_path / "app", bundles, prefix)


def test_unknown_bundle_is_refused(tmp_path, prefix):
    with pytest.raises(InputError, match="bundle infnet_none: unknown"):
        write_app(tmp_path / "app", ["infnet_none"], prefix)
