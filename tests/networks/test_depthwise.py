import copy

import pytest
import torch
from monai.inferers import SimpleInferer
from torch import nn

from infnet_monai.inference import AutocastInferer
from infnet_monai.networks import InfNet
from infnet_monai.networks.depthwise import DepthwiseInFloat32


@pytest.fixture
def image():
    return torch.randn(2, 6, 9, 11, generator=torch.Generator().manual_seed(0), requires_grad=True)


def run(module, image, context):
    with torch.autocast("cpu", dtype=torch.bfloat16), context:
        return module(image)


def test_depthwise_convolution_gives_values_and_gradients_of_float32(image):
    depthwise = nn.Conv2d(6, 12, 5, stride=2, padding=1, groups=6, bias=False)
    spread = nn.Conv2d(6, 6, 5, stride=2, padding=1, groups=6)
    exact = run(spread, image, DepthwiseInFloat32())
    assert torch.equal(exact, spread(image))
    exact.square().sum().backward()
    inside = [image.grad.clone(), spread.weight.grad.clone()]
    image.grad = spread.weight.grad = None
    spread(image).square().sum().backward()
    assert torch.equal(inside[0], image.grad)
    assert torch.equal(inside[1], spread.weight.grad)
    assert run(depthwise, image, DepthwiseInFloat32()).dtype == torch.bfloat16  # two outputs a channel


@pytest.mark.parametrize("groups", [1, 2])
def test_other_convolutions_stay_in_bf16(image, groups):
    convolution = nn.Conv2d(6, 6, 3, groups=groups)
    inside = run(convolution, image, DepthwiseInFloat32())
    assert inside.dtype == torch.bfloat16
    assert run(nn.Conv2d(1, 1, 3), image[:, :1], DepthwiseInFloat32()).dtype == torch.bfloat16


def test_an_input_in_bf16_is_converted_and_gets_its_gradient(image):
    depthwise = nn.Conv2d(6, 6, 3, groups=6)
    rounded = image.detach().bfloat16().requires_grad_()
    run(depthwise, rounded, DepthwiseInFloat32()).sum().backward()
    assert rounded.grad.dtype == torch.bfloat16
    assert rounded.grad.abs().sum() > 0


def test_inference_is_untouched(image):
    depthwise = nn.Conv2d(6, 6, 3, groups=6)
    with torch.no_grad():
        assert run(depthwise, image, DepthwiseInFloat32()).dtype == torch.bfloat16


def test_inferer_of_a_training_uses_it_and_that_of_an_evaluation_does_not():
    torch.manual_seed(0)
    network = InfNet("efficientnet_lite0").train()
    slices, seen = torch.randn(2, 3, 32, 32), {}

    def note(module, inputs, output):
        seen.setdefault(module.groups > 1, set()).add(output.dtype)

    for module in network.encoder.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(note)
    AutocastInferer(SimpleInferer())(slices, network)
    assert seen == {False: {torch.bfloat16}, True: {torch.float32}}
    for inferer, gradients in (
        (AutocastInferer(SimpleInferer()), False),
        (AutocastInferer(SimpleInferer(), depthwise_in_float32=False), True),
    ):
        seen.clear()
        with torch.set_grad_enabled(gradients):
            inferer(slices, copy.deepcopy(network))
        assert seen == {False: {torch.bfloat16}, True: {torch.bfloat16}}
