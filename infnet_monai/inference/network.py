"""A trained network, ready to segment."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from infnet_monai.inference.prepare import prepare_for_inference
from infnet_monai.networks.model_weights import load_model_weights

__all__ = ["load_network"]


def load_network(network: nn.Module, weights: str | Path, device: str | torch.device, bf16: bool = False) -> nn.Module:
    """Load weights into a network and lay it out for speed.

    Args:
        network: The network; it is consumed.
        weights: File of a plain state dict, as training writes it.
        device: The device to run on.
        bf16: Whether it will run in bf16 autocast.

    Returns:
        The network in eval mode on the device.

    Raises:
        InputError: The weights are missing, unreadable or of another network.
    """
    load_model_weights(network, weights)
    return prepare_for_inference(network, device, bf16)
