"""Parameters and arithmetic of Inf-Net with each backbone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from infnet_monai.networks.infnet import InfNet
from infnet_monai.networks.registry import list_backbones

__all__ = ["ModelCost", "measure_model", "measure_models"]

IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class ModelCost:
    """What one network costs.

    Attributes:
        backbone: Name of the backbone.
        parameters_m: Parameters in millions.
        parameters_with_classifier_m: Those and a 1000-class linear layer on the deepest feature. The authors' residual
            networks carry this layer of ImageNet unused, and the published 33.1 M of Res2Net-50 count it.
        gflop: Billions of operations of the convolutions for one slice, a multiplication and an addition counting as
            two; half of it is the number of multiply-adds.
        image_size: Height and width of the slice in pixels.
    """

    backbone: str
    parameters_m: float
    parameters_with_classifier_m: float
    gflop: float
    image_size: int


@cache
def measure_model(backbone: str, image_size: int = 352) -> ModelCost:
    """Count the parameters and operations of Inf-Net for one slice, without computing it.

    Args:
        backbone: Name of a backbone.
        image_size: Height and width of the slice in pixels.

    Returns:
        The cost in eval mode.

    Example:
        >>> cost = measure_model("res2net50")
        >>> f"{cost.parameters_m:.1f} M ({cost.parameters_with_classifier_m:.1f} M), {cost.gflop:.1f} GFLOP"
        '31.1 M (33.1 M), 27.7 GFLOP'
    """
    with torch.device("meta"):
        network = InfNet(backbone).eval()
        image = torch.empty(1, 3, image_size, image_size)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(image)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    classifier = (network.encoder.channels[-1] + 1) * IMAGENET_CLASSES
    return ModelCost(
        backbone=backbone,
        parameters_m=parameters / 1e6,
        parameters_with_classifier_m=(parameters + classifier) / 1e6,
        gflop=counter.get_total_flops() / 1e9,
        image_size=image_size,
    )


def measure_models(backbones: Iterable[str] | None = None, image_size: int = 352) -> list[ModelCost]:
    """Count the parameters and operations of several networks.

    Args:
        backbones: Names of backbones; None for all registered ones.
        image_size: Height and width of the slice in pixels.

    Returns:
        The cost of each network, see :func:`measure_model`.
    """
    return [measure_model(backbone, image_size) for backbone in backbones or list_backbones()]
