import copy

import pytest
import torch
from torch import nn

from infnet_monai.inference import supports_bf16
from infnet_monai.inference.optimize import prepare_for_inference
from infnet_monai.networks import InfNet, list_backbones


def with_statistics(network):
    """Give batch norms something to fold: neither zero means nor unit variances."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator) / 10)
            module.running_var.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
    return network.eval()


@pytest.mark.parametrize("backbone", [*list_backbones(), "mobilenetv3_small_050"])
def test_logits_stay_the_same(backbone):
    torch.manual_seed(0)
    network = with_statistics(InfNet(backbone))
    image = torch.randn(2, 3, 64, 64)
    prepared = prepare_for_inference(copy.deepcopy(network), "cpu", bf16=False)
    with torch.no_grad():
        expected, logits = network(image), prepared(image)
    assert (logits - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_batch_norms_behind_convolutions_are_gone():
    network = InfNet("resnet18")
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    prepared = prepare_for_inference(network, "cpu", bf16=False)
    left = [name for name, module in prepared.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms > 60
    # weighted between convolution and norm, or not used for the mask at all
    assert all(name.startswith(("reverse_attentions", "edge_attention.classify")) for name in left)
    assert not any(parameter.requires_grad for parameter in prepared.parameters())


@pytest.mark.skipif(not supports_bf16("cpu"), reason="bf16 is slow here")
def test_weights_are_rounded_once_for_bf16():
    network = prepare_for_inference(with_statistics(InfNet("resnet18")), "cpu", bf16=True)
    kinds = [module.weight.dtype for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert kinds[:2] == [torch.float32] * 2
    assert set(kinds[2:]) == {torch.bfloat16}
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert network(torch.randn(1, 3, 64, 64)).isfinite().all()


@pytest.mark.skipif(not supports_bf16("cpu"), reason="bf16 is slow here")
def test_first_convolutions_stay_in_float32():
    layers = nn.Sequential(*(nn.Conv2d(1, 1, 1) for _ in range(3)))
    with torch.no_grad():
        for layer, (weight, bias) in zip(layers, [(1, 0), (1024, -1024), (1, 0)], strict=True):
            layer.weight.fill_(weight)
            layer.bias.fill_(bias)
    prepared = prepare_for_inference(layers, "cpu", bf16=True)
    with torch.autocast("cpu", torch.bfloat16):
        difference = prepared(torch.full((1, 1, 8, 8), 1 + 2**-10))  # bf16 knows nothing between 1 and 1 + 2**-7
    assert (difference == 1).all()


def test_what_cannot_be_folded_stays():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, image):
            features = self.conv(image)
            return self.norm(features) + features

    network = with_statistics(Shared())
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = network(image)
        assert torch.allclose(prepare_for_inference(network, "cpu", bf16=False)(image), expected, atol=1e-5)
    assert isinstance(network.norm, nn.BatchNorm2d)


def test_a_network_without_convolutions_is_left_alone():
    network = nn.Linear(2, 2)
    assert prepare_for_inference(network, "cpu", bf16=False) is network


@pytest.mark.parametrize("norms", [1, 2])
def test_a_convolution_that_is_called_twice_stays(norms):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 3, padding=1)
            self.norms = nn.ModuleList(nn.BatchNorm2d(2) for _ in range(norms))

        def forward(self, image):
            return self.norms[-1](self.conv(torch.relu(self.norms[0](self.conv(image)))))

    assert_same_logits(with_statistics(Twice()))


def test_a_norm_with_two_names_stays():
    network = with_statistics(nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)))
    network.extra = nn.ModuleList([network[1]])
    network.forward = lambda image: network.extra[0](network[0](image))
    image = torch.randn(1, 2, 16, 16)
    with torch.no_grad():
        expected = network(image)
        assert torch.allclose(prepare_for_inference(network, "cpu", bf16=False)(image), expected, atol=1e-5)


def test_a_network_for_another_size_keeps_its_norms():
    class Fixed(nn.Sequential):
        def forward(self, image):
            if image.shape[-1] != 32:
                raise ValueError("only 32 x 32")
            return super().forward(image)

    network = with_statistics(Fixed(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)))
    assert_same_logits(network, size=32)
    assert isinstance(network[1], nn.BatchNorm2d)


def assert_same_logits(network, size=16):
    image = torch.randn(1, 2, size, size)
    with torch.no_grad():
        expected = network(image)
        prepared = prepare_for_inference(copy.deepcopy(network), "cpu", bf16=False)
        assert torch.allclose(prepared(image), expected, atol=1e-5)
