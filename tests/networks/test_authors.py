import numpy as np
import pytest
import torch

from infnet_monai.errors import InputError
from infnet_monai.networks import (
    InfNetMaps,
    build_authors_network,
    convert_authors_checkpoint,
    convert_authors_state_dict,
)

CHECKPOINTS = {"res2net50": "res2net50_v1b", "resnet50": "resnet50", "vgg16": "vgg16_official"}


@pytest.fixture(scope="module", params=list(CHECKPOINTS))
def converted(request, golden_weights):
    backbone = request.param
    network = build_authors_network(backbone).eval()
    network.load_state_dict(convert_authors_state_dict(golden_weights(CHECKPOINTS[backbone]), backbone))
    return CHECKPOINTS[backbone], network


def test_maps_equal_the_authors(converted, golden_case):
    name, network = converted
    image, expected = golden_case
    with torch.no_grad():
        maps = network.maps(image)
    for output in InfNetMaps._fields:
        theirs = expected(name, output)
        assert np.abs(getattr(maps, output).numpy() - theirs).max() < 1e-4 * np.abs(theirs).max()


@pytest.fixture
def light_checkpoint(authors_shapes):
    """The authors' Res2Net checkpoint with one stored number a tensor."""
    return light(authors_shapes("res2net50_v1b"))


def light(shapes):
    return {key: torch.full((1,) * len(shape), 0.5).expand(shape) for key, shape in shapes.items()}


def test_converted_file_loads(tmp_path, light_checkpoint):
    source, target = tmp_path / "Inf-Net-100.pth", tmp_path / "models" / "model.pt"
    torch.save(light_checkpoint, source)
    convert_authors_checkpoint(source, target, "res2net50")
    state_dict = torch.load(target, weights_only=True)
    with torch.device("meta"):
        network = build_authors_network("res2net50")
    network.load_state_dict(state_dict, assign=True)
    assert torch.equal(network.partial_decoder.classify.bias, torch.tensor([0.5]))


def test_existing_output_is_kept_unless_told_otherwise(tmp_path, light_checkpoint):
    source, target = tmp_path / "Inf-Net-100.pth", tmp_path / "model.pt"
    torch.save(light_checkpoint, source)
    target.write_text("precious")
    with pytest.raises(InputError, match=r"model\.pt: exists already"):
        convert_authors_checkpoint(source, target, "res2net50")
    assert target.read_text() == "precious"
    convert_authors_checkpoint(source, target, "res2net50", overwrite=True)
    assert "edge_attention.classify.bn.bias" in torch.load(target, weights_only=True)


def test_failed_conversion_leaves_no_output(tmp_path, light_checkpoint):
    torch.save(light_checkpoint, tmp_path / "res2net.pth")
    with pytest.raises(InputError):
        convert_authors_checkpoint(tmp_path / "res2net.pth", tmp_path / "model.pt", "vgg16")
    assert not (tmp_path / "model.pt").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such checkpoint"),
        (b"<html>quota exceeded</html>", "is no checkpoint of plain tensors"),
        (b"", "is no checkpoint of plain tensors"),
        ([1, 2], "is no state dict"),
        ({"epoch": 100}, "is no state dict"),
        (torch.nn.Linear(1, 1), "is no checkpoint of plain tensors"),
    ],
)
def test_input_that_is_no_checkpoint_is_refused(tmp_path, content, message):
    source = tmp_path / "Inf-Net-100.pth"
    if isinstance(content, bytes):
        source.write_bytes(content)
    elif content is not None:
        torch.save(content, source)
    with pytest.raises(InputError, match=rf"Inf-Net-100\.pth: {message}"):
        convert_authors_checkpoint(source, tmp_path / "model.pt", "res2net50")


def test_checkpoint_of_another_network_names_the_keys(light_checkpoint):
    with pytest.raises(InputError, match="does not fit the authors' Inf-Net with resnet50") as error:
        convert_authors_state_dict(light_checkpoint, "resnet50")
    assert "resnet.conv1.0.weight is unknown" in str(error.value)


def test_shape_and_missing_keys_are_named(light_checkpoint):
    light_checkpoint["ra2_conv4.conv.weight"] = torch.zeros(2, 64, 3, 3)
    with pytest.raises(
        InputError, match=r"ra2_conv4\.conv\.weight has shape \(2, 64, 3, 3\) instead of \(1, 64, 3, 3\)"
    ):
        convert_authors_state_dict(light_checkpoint, "res2net50")
    del light_checkpoint["ra2_conv4.conv.weight"]
    with pytest.raises(InputError, match=r"nothing for reverse_attentions\.2\.refine\.4\.conv\.weight"):
        convert_authors_state_dict(light_checkpoint, "res2net50")


@pytest.mark.parametrize("key", ["vgg.conv1.conv1_9.weight", "rfb2_1.branch9.conv.weight", "ParDec.conv6.weight", "x"])
def test_keys_that_are_not_the_authors_are_named(light_checkpoint, key):
    with pytest.raises(InputError, match=f"{key} is unknown"):
        convert_authors_state_dict({key: torch.zeros(1)} | light_checkpoint, "res2net50")


def test_backbone_without_an_authors_network_is_refused():
    with pytest.raises(InputError, match="'iresnet50': the authors' checkpoints are of res2net50, resnet50, vgg16"):
        build_authors_network("iresnet50")
