import pytest
import torch
from torch import nn

from infnet_monai.errors import InputError
from infnet_monai.networks.model_weights import load_model_weights


def test_weights_are_loaded(tmp_path):
    source, target = nn.Linear(2, 2), nn.Linear(2, 2)
    torch.save(source.state_dict(), tmp_path / "model.pt")
    load_model_weights(target, tmp_path / "model.pt")
    assert torch.equal(source.weight, target.weight)


def test_what_is_not_this_networks_is_refused_by_name(tmp_path):
    path = tmp_path / "model.pt"
    with pytest.raises(InputError, match="no such weights"):
        load_model_weights(nn.Linear(2, 2), path)
    path.write_bytes(b"damaged")
    with pytest.raises(InputError, match="cannot be read as weights"):
        load_model_weights(nn.Linear(2, 2), path)
    torch.save(nn.Linear(3, 2).state_dict(), path)
    with pytest.raises(InputError, match="not the weights of this network"):
        load_model_weights(nn.Linear(2, 2), path)
