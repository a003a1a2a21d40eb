import random

import pytest
import torch
from torch import nn

from infnet_monai.errors import InputError
from infnet_monai.networks.authors import convert_authors_checkpoint
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


def test_a_tensor_with_another_checksum_than_the_file_says_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    network = nn.Linear(2, 2)
    with torch.no_grad():
        network.weight.fill_(0.123)
    torch.save(network.state_dict(), path)
    content, number = path.read_bytes(), network.weight.detach().numpy().tobytes()
    assert content.count(number) == 1
    path.write_bytes(content.replace(number, b"\x01" + number[1:]))
    with pytest.raises(InputError, match=r"model\.pt: cannot be read as weights \(BadZipFile\)"):
        load_model_weights(nn.Linear(2, 2), path)


@pytest.mark.parametrize("is_zip", [True, False])
def test_cut_and_changed_files_are_one_line(tmp_path, is_zip):
    path = tmp_path / "model.pt"
    torch.save(nn.Linear(2, 2).state_dict(), path, _use_new_zipfile_serialization=is_zip)
    content, dice = path.read_bytes(), random.Random(1)
    for _ in range(40):
        damaged = bytearray(content[: dice.randrange(len(content))])
        if damaged:
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"model\.pt: ") as caught:
            load_model_weights(nn.Linear(2, 2), path)
        assert "\n" not in str(caught.value)
        with pytest.raises(InputError, match=r"model\.pt: ") as caught:
            convert_authors_checkpoint(path, tmp_path / "converted.pt", "vgg16")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "converted.pt").exists()
