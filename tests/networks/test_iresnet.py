import numpy as np
import pytest
import torch
from torch import nn

from infnet_monai.networks.iresnet import Bottleneck, IResNet


@pytest.fixture(scope="module")
def golden_encoder(golden_weights):
    encoder = IResNet().eval()
    weights = {key: tensor for key, tensor in golden_weights("iresnet50").items() if not key.startswith("fc.")}
    encoder.load_state_dict(weights)
    return encoder


def test_features_equal_the_authors(golden_encoder, golden_case):
    image, expected = golden_case
    with torch.no_grad():
        stem, stages = golden_encoder.stem(image), golden_encoder(image)
    assert relative_difference(stem, expected("iresnet50_features", "stem")) < 1e-4
    for number, stage in enumerate(stages, start=1):
        assert relative_difference(stage[:, ::8], expected("iresnet50_features", f"layer{number}")) < 1e-4


def relative_difference(ours, theirs):
    return np.abs(ours.numpy() - theirs).max() / np.abs(theirs).max()


def test_state_dict_is_the_authors_without_the_classifier(authors_shapes):
    expected = {key: shape for key, shape in authors_shapes("iresnet50").items() if not key.startswith("fc.")}
    assert {key: tuple(tensor.shape) for key, tensor in IResNet().state_dict().items()} == expected


def test_first_block_halves_the_size_and_projects_the_shortcut():
    block = Bottleneck(8, 4, index=0, last=False, stride=2)
    out = block(torch.randn(2, 8, 7, 10))
    assert out.shape == (2, 16, 4, 5)
    assert out.min() < 0


def test_second_block_rectifies_its_shortcut():
    block = Bottleneck(16, 4, index=1, last=False).eval()
    nn.init.zeros_(block.conv3.weight)
    x = torch.randn(1, 16, 3, 3)
    assert torch.equal(block(x), x.clamp(min=0))


def test_later_middle_block_leaves_its_shortcut_alone():
    block = Bottleneck(16, 4, index=2, last=False).eval()
    nn.init.zeros_(block.conv3.weight)
    x = torch.randn(1, 16, 3, 3)
    assert torch.equal(block(x), x)


def test_last_block_ends_with_batch_norm_and_relu():
    block = Bottleneck(16, 4, index=2, last=True).eval()
    nn.init.zeros_(block.conv3.weight)
    nn.init.constant_(block.bn3.bias, 0.5)
    x = torch.randn(1, 16, 3, 3)
    torch.testing.assert_close(block(x), (x / (1 + block.bn3.eps) ** 0.5 + 0.5).clamp(min=0))


def test_stage_of_two_blocks_has_no_leading_batch_norm():
    encoder = IResNet(in_channels=1, depths=(2, 2, 2, 2))
    assert not [key for key in encoder.state_dict() if ".bn0." in key]
    assert [feature.shape[1] for feature in encoder(torch.zeros(2, 1, 64, 64))] == list(encoder.channels)
