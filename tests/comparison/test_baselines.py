import logging

import pandas as pd
import pytest
import torch
from monai.bundle import ConfigWorkflow

from infnet_monai.comparison import baselines
from infnet_monai.comparison.baseline_networks import BASELINES, baseline_overrides
from infnet_monai.comparison.baselines import FirstMap, flexible_unet
from infnet_monai.comparison.options import find_methods
from infnet_monai.errors import InputError
from infnet_monai.files import write_json


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    """Neither a cached file of weights nor a network."""

    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(baselines.urllib.request, "urlopen", refuse)


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("name", list(BASELINES))
def test_trains_and_evaluates_by_a_bundles_recipe(name, tiny_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.excepthook", None)
    (method,) = find_methods([], [name])
    small = {"image_size": [32, 32], "amp": False, "batch_size": 4, "epochs": 1, "lung_crop": False}
    write_json({**method.recipe.overrides, **small}, tmp_path / "config.json")
    files = [*method.recipe.config_files(), tmp_path / "config.json"]
    places = {"dataset_dir": str(tiny_dataset), "ckpt_dir": str(tmp_path / "models")}
    for added, output in (([], "training"), (method.recipe.files("evaluate.json"), "test")):
        workflow = ConfigWorkflow(
            [str(file) for file in (*files, *added)], output_dir=str(tmp_path / output), logging_file=False, **places
        )
        workflow.initialize()
        workflow.run()
    assert '"encoder_weights": "random"' in (tmp_path / "training" / "run.json").read_text()
    slices = pd.read_csv(tmp_path / "test" / "slices.csv")
    assert slices["paper_mean_dice"].notna().sum() == 4
    state = torch.load(tmp_path / "models" / "model.pt", weights_only=True)
    network = workflow.parser.get_parsed_content("network_def")
    assert set(state) == set(network.state_dict())


def test_first_map():
    class TwoMaps(torch.nn.Module):
        def forward(self, image):
            return [image + 1, image + 2]

    assert FirstMap(TwoMaps())(torch.zeros(1)).item() == 1


def test_unknown_baseline():
    with pytest.raises(InputError, match="baseline 'resunet': unknown; expected one of unet, basicunetplusplus"):
        baseline_overrides("resunet")


def test_without_weights_auto_warns_and_true_is_an_error(no_hub, caplog):
    with caplog.at_level(logging.WARNING):
        network = flexible_unet(pretrained="auto")
    assert network.encoder.weights_origin == "random"
    assert "put https://" in caplog.text
    assert "starts from random weights" in caplog.text
    with pytest.raises(InputError, match=r"efficientnet-b0 cannot be had \(no network\); put https://"):
        flexible_unet(pretrained=True)
    with pytest.raises(InputError, match="no ImageNet weights of resnet18"):
        flexible_unet("resnet18", pretrained=True)


def test_weights_file_is_no_option(no_hub):
    with pytest.raises(InputError, match=r"must be true, false or auto, got 'x\.pth'"):
        flexible_unet(pretrained="x.pth")


def test_weights_from_the_hub_are_loaded_and_named(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    asked = []

    class Answer:
        def close(self):
            asked.append("closed")

    monkeypatch.setattr(baselines.urllib.request, "urlopen", lambda request, timeout: Answer())
    built = torch.nn.Module()
    built.encoder = torch.nn.Module()
    monkeypatch.setattr(baselines, "FlexibleUNet", lambda **arguments: asked.append(arguments) or built)
    network = flexible_unet(pretrained="auto")
    assert network.encoder.weights_origin == "hub: efficientnet-b0"
    assert asked[0] == "closed"
    assert asked[1]["pretrained"] is True
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "efficientnet-b0-355c32eb.pth").write_bytes(b"")
    flexible_unet(pretrained=True)
    assert asked.count("closed") == 1
