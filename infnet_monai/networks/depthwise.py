"""Depthwise convolutions in float32 inside bf16 autocast, where a processor trains them so in less time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["DepthwiseInFloat32"]


class DepthwiseInFloat32(TorchFunctionMode):
    """Run the depthwise convolutions of a training step on a CPU in float32, as a context inside bf16 autocast.

    oneDNN has no fast backward pass for depthwise convolutions in bf16: one of 144 channels, 5 x 5 and stride 2 takes
    several times as long as in float32, and those of EfficientNet-Lite together take about half of a step. ``python
    infnet benchmark training`` measures it. A convolution is depthwise where it has as many groups as channels.
    Nothing changes on another device, nor without gradients: validation and inference compute what they did.

    A context, since it holds for every network (also for MONAI's) and leaves modules, state dict and export as they
    are.

    Example:
        >>> convolution = torch.nn.Conv2d(4, 4, 3, groups=4)
        >>> with torch.autocast("cpu", dtype=torch.bfloat16):
        ...     rounded = convolution(torch.ones(1, 4, 8, 8))
        ...     with DepthwiseInFloat32():
        ...         exact = convolution(torch.ones(1, 4, 8, 8))
        >>> rounded.dtype, exact.dtype
        (torch.bfloat16, torch.float32)
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of PyTorch, a depthwise convolution without autocast."""
        kwargs = kwargs or {}
        if function is not torch.conv2d or not torch.is_grad_enabled() or not _is_depthwise(*args, **kwargs):
            return function(*args, **kwargs)
        image, *others = args
        with torch.autocast("cpu", enabled=False):
            return function(image.float(), *others, **kwargs)


def _is_depthwise(
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> bool:
    return image.device.type == "cpu" and 1 < groups == weight.shape[0] and weight.shape[1] == 1
