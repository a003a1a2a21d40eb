"""Inf-Net and its encoders."""

from infnet_monai.networks.authors import (
    build_authors_network,
    convert_authors_checkpoint,
    convert_authors_state_dict,
)
from infnet_monai.networks.infnet import InfNet, InfNetMaps
from infnet_monai.networks.registry import Backbone, get_backbone, list_backbones

__all__ = [
    "Backbone",
    "InfNet",
    "InfNetMaps",
    "build_authors_network",
    "convert_authors_checkpoint",
    "convert_authors_state_dict",
    "get_backbone",
    "list_backbones",
]
