"""A trained network prepared for speed: the same logits in less time."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from infnet_monai.errors import InputError
from infnet_monai.inference.engines import DEFAULT_ENGINE, check_engine, load_in_engine
from infnet_monai.networks.model_weights import load_model_weights

__all__ = ["load_network", "prepare_for_inference"]

logger = logging.getLogger(__name__)

EXAMPLE_SIZE = 128
# What these round is seen by all that follows; they stay in float32, which takes hardly longer.
EXACT_CONVOLUTIONS = 2
ROUNDED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
SIZE_QUESTIONS = ("__get__", "dim", "size")


def load_network(
    network: nn.Module,
    weights: str | Path,
    device: str | torch.device,
    bf16: bool = False,
    engine: str = DEFAULT_ENGINE,
    shape: Sequence[int] = (4, 3, 352, 352),
) -> nn.Module:
    """Load weights into a network and prepare it for speed.

    Args:
        network: The network; it is consumed.
        weights: File of a plain state dict, as training writes it.
        device: The device to run on.
        bf16: Whether torch will run it in bf16 autocast.
        engine: Name of what runs it, ``"torch"`` or one of :data:`infnet_monai.inference.engines.ENGINES`.
        shape: Shape of the batches ``(B, C, H, W)`` that another engine than torch takes.

    Returns:
        The network in eval mode on the device.

    Raises:
        InputError: The weights are missing, unreadable or of another network, or the engine cannot run it.
    """
    other = check_engine(engine)
    if other is not None:
        other.version()
        if torch.device(device).type != "cpu":
            raise InputError(f"engine {engine!r} runs on the CPU, not on {device}; give --device cpu or --engine torch")
        load_model_weights(network, weights)
        return load_in_engine(other, prepare_for_inference(network, "cpu", False), weights, tuple(shape))
    load_model_weights(network, weights)
    return prepare_for_inference(network, device, bf16)


def prepare_for_inference(network: nn.Module, device: str | torch.device, bf16: bool) -> nn.Module:
    """Prepare a trained network for speed; its logits stay the same but for rounding.

    The layout in memory becomes channels last, batch norm is folded into the convolution before it, and with bf16 the
    weights are rounded once instead of at every call; only the first two convolutions stay in float32. Any network
    can be given: what cannot be folded stays. The pairs to fold are found by recording one forward pass, since
    ``torch.fx`` cannot trace EfficientNet-Lite0.

    Args:
        network: Trained network for images ``(B, C, H, W)``. It is consumed: modules of it are replaced, so that its
            state dict is no longer the one that was trained. Give ``copy.deepcopy(network)`` to keep it.
        device: The device to run on.
        bf16: Whether the network will run in bf16 autocast, as :class:`infnet_monai.inference.AutocastInferer` runs
            it. Outside autocast a network prepared so does not take float32 images.

    Returns:
        The network in eval mode on the device, its weights without gradients.

    Example:
        >>> from infnet_monai.networks import InfNet
        >>> network = prepare_for_inference(InfNet("resnet18"), "cpu", bf16=False)
        >>> network.encoder.features.bn1
        Identity()
    """
    network = network.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    calls = _calls_of(network)
    first = _first_convolutions(network, calls)
    for convolution, norm in _find_pairs(network, calls):
        _fold(network, convolution, norm)
    if bf16:
        for name, module in network.named_modules():
            if isinstance(module, ROUNDED) and name not in first:
                module.to(torch.bfloat16)
        for name in first:
            _replace(network, name, _Exact(network.get_submodule(name)))
    return network


class _Exact(nn.Module):
    """A module that runs in float32 inside autocast, too."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, image: Tensor) -> Tensor:
        with torch.autocast(image.device.type, enabled=False):
            return self.module(image.float())


class _Call(NamedTuple):
    function: Callable[..., Any]
    inputs: list[Tensor]
    result: Any


class _Recorder(TorchFunctionMode):
    """Notes what each function takes and gives; it keeps the tensors, so that none takes the id of another."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[_Call] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if isinstance(result, Tensor) or function.__name__ not in SIZE_QUESTIONS:
            self.calls.append(_Call(function, _tensors((args, kwargs)), result))
        return result


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _calls_of(network: nn.Module) -> list[_Call]:
    """The functions that the network calls for one image, the last one standing for what it returns.

    Empty for a network without 2D convolutions, and for one that does not take the example image.
    """
    first = next((module for module in network.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None:
        return []
    image = first.weight.new_zeros(1, first.in_channels, EXAMPLE_SIZE, EXAMPLE_SIZE)
    recorder = _Recorder()
    try:
        with torch.no_grad(), recorder:
            result = network(image)
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        logger.info("Batch norm is not folded: the network takes no image %s (%s).", tuple(image.shape), error)
        return []
    return [*recorder.calls, _Call(prepare_for_inference, _tensors(result), None)]


def _find_pairs(network: nn.Module, calls: list[_Call]) -> Iterator[tuple[nn.Conv2d, str]]:
    """Convolutions whose result goes to a batch norm and nowhere else, with the name of the batch norm.

    A layer that is called twice, or shares its weight with another one, is left out: its weight has no single norm.
    """
    uses = Counter(id(tensor) for call in calls for tensor in call.inputs)
    makers = {id(call.result): call for call in calls}
    named = [
        (name, module) for name, module in network.named_modules(remove_duplicate=False) if hasattr(module, "weight")
    ]
    holders = Counter(id(module.weight) for _, module in named)
    owners = {
        id(module.weight): (name, module)
        for name, module in named
        if holders[id(module.weight)] == 1 and uses[id(module.weight)] == 1
    }
    for call in calls:
        if call.function is not functional.batch_norm:
            continue
        maker = makers.get(id(call.inputs[0]))
        if maker is None or maker.function is not torch.conv2d or uses[id(call.inputs[0])] > 1:
            continue
        convolution = owners.get(id(maker.inputs[1]), ("", None))[1]
        norm = next((owners[id(t)] for t in call.inputs[3:] if id(t) in owners), None)
        if isinstance(convolution, nn.Conv2d) and norm is not None:
            yield convolution, norm[0]


def _first_convolutions(network: nn.Module, calls: list[_Call]) -> list[str]:
    """Names of the convolutions that are called first."""
    names = {id(module.weight): name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)}
    called = [
        names[id(call.inputs[1])] for call in calls if call.function is torch.conv2d and id(call.inputs[1]) in names
    ]
    return list(dict.fromkeys(called))[:EXACT_CONVOLUTIONS]


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, module)


def _fold(network: nn.Module, convolution: nn.Conv2d, name: str) -> None:
    norm: Any = network.get_submodule(name)
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    rest = nn.Sequential(norm.drop, norm.act) if isinstance(norm, BatchNormAct2d) else nn.Identity()
    _replace(network, name, rest)
