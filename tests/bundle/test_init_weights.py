import sys
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigWorkflow
from torch import nn

from infnet_monai.bundle import load_init_weights
from infnet_monai.errors import InputError, find_input_error

ROOT = Path(__file__).parents[2]
TRAIN = ROOT / "bundles" / "infnet_efficientnet_lite0" / "configs" / "train.json"


@pytest.fixture(autouse=True)
def _keep_excepthook(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


@pytest.fixture
def weights(tmp_path):
    torch.save(nn.Linear(2, 1).state_dict(), tmp_path / "model.pt")
    return tmp_path / "model.pt"


class Wrapped(nn.Module):
    """Keeps a network as DistributedDataParallel does."""

    def __init__(self, module):
        super().__init__()
        self.module = module


@pytest.mark.parametrize("wrap", [lambda network: network, Wrapped])
def test_network_gets_the_weights(weights, wrap):
    network = nn.Linear(2, 1)
    load_init_weights(wrap(network), weights)
    assert torch.equal(network.weight, torch.load(weights, weights_only=True)["weight"])


def test_without_weights_and_when_resumed_the_network_stays(weights):
    network = nn.Linear(2, 1)
    before = network.weight.clone()
    load_init_weights(network, None)
    load_init_weights(network, weights, resume=True)
    assert torch.equal(network.weight, before)


def test_weights_of_another_network_are_refused(weights):
    with pytest.raises(InputError, match=r"model\.pt: not the weights of this network"):
        load_init_weights(nn.Linear(3, 1), weights)


def started(tiny_dataset, folder, **overrides):
    """A bundle's training, ready to run."""
    places = {"ckpt_dir": str(folder / "models"), "output_dir": str(folder / "eval"), "dataset_dir": str(tiny_dataset)}
    small = {"image_size": [32, 32], "pretrained": False, "amp": False, "lung_crop": False}
    workflow = ConfigWorkflow(str(TRAIN), workflow_type="train", **places, **small, **overrides)
    workflow.initialize()
    return workflow


def test_a_bundle_trains_on_from_a_whole_model(tiny_dataset, tmp_path):
    first = started(tiny_dataset, tmp_path / "first", seed=1)
    state = first.parser.get_parsed_content("network").state_dict()
    torch.save(state, tmp_path / "whole.pt")
    second = started(tiny_dataset, tmp_path / "second", seed=2, init_weights=str(tmp_path / "whole.pt"))
    network = second.parser.get_parsed_content("network")
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_missing_weights_end_a_bundle_at_once(tiny_dataset, tmp_path):
    with pytest.raises(Exception, match=r".+") as caught:
        started(tiny_dataset, tmp_path, init_weights=str(tmp_path / "none.pt"))
    assert "none.pt: no such weights" in str(find_input_error(caught.value))
