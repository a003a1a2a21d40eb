"""MONAI's segmentation networks, trained by a bundle's recipe in place of Inf-Net."""

from __future__ import annotations

import logging
import urllib.request
from pathlib import Path

import torch
from monai.networks.nets import FlexibleUNet
from monai.networks.nets.efficientnet import url_map
from torch import Tensor, nn

from infnet_monai.errors import InputError

__all__ = ["FirstMap", "flexible_unet"]

logger = logging.getLogger(__name__)

HUB_TIMEOUT_S = 5.0


class FirstMap(nn.Module):
    """A network that returns a list of maps of logits, reduced to the first one.

    Args:
        network: Network that gives a list of logits ``(B, C, H, W)``.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return the first of the network's maps for an image ``(B, C, H, W)``."""
        return self.network(image)[0]


def flexible_unet(backbone: str = "efficientnet-b0", pretrained: bool | str = "auto") -> FlexibleUNet:
    """Build MONAI's FlexibleUNet for slices of three equal channels, with or without ImageNet weights.

    Args:
        backbone: Name of an EfficientNet, from ``efficientnet-b0`` to ``efficientnet-b7``.
        pretrained: ``False``, ``True`` (an error where the weights cannot be had) or ``"auto"`` (a warning then, and
            random weights).

    Returns:
        The network; its ``encoder.weights_origin`` says where the encoder's weights came from.

    Raises:
        InputError: ``pretrained`` is of no such kind, or True and the weights cannot be had.
    """
    if pretrained not in (True, False, "auto"):
        raise InputError(f"flexibleunet: pretrained must be true, false or auto, got {pretrained!r}")
    origin = "random"
    if pretrained:
        problem = _why_no_weights(backbone)
        if problem and pretrained is True:
            raise InputError(problem)
        if problem:
            logger.warning("%s. The encoder starts from random weights.", problem)
        else:
            origin = f"hub: {backbone}"
    network = FlexibleUNet(in_channels=3, out_channels=1, backbone=backbone, pretrained=origin != "random")
    network.encoder.weights_origin = origin
    return network


def _why_no_weights(backbone: str) -> str:
    """Say why MONAI could not load its ImageNet weights; empty where it can. Its download has no time-out."""
    url = url_map.get(backbone)
    if url is None:
        return f"flexibleunet: MONAI has no ImageNet weights of {backbone}; use pretrained=false"
    cached = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if cached.is_file():
        return ""
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=HUB_TIMEOUT_S).close()
    except OSError as error:
        return (
            f"flexibleunet: the ImageNet weights of {backbone} cannot be had ({error}); put {url} into "
            f"{cached.parent}, or use pretrained=false"
        )
    return ""
