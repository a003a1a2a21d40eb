"""Inf-Net and its encoders."""

from infnet_monai.networks.encoders import get_backbone, list_backbones
from infnet_monai.networks.infnet import InfNet, InfNetMaps

__all__ = ["InfNet", "InfNetMaps", "get_backbone", "list_backbones"]
