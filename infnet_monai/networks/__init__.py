"""Inf-Net, its encoders and their weights, and what each network costs."""

from typing import TYPE_CHECKING

from infnet_monai.lazy_exports import import_at_first_use

if TYPE_CHECKING:
    from infnet_monai.networks.authors import (
        build_authors_network,
        convert_authors_checkpoint,
        convert_authors_state_dict,
    )
    from infnet_monai.networks.cost import ModelCost, measure_model, measure_models
    from infnet_monai.networks.infnet import InfNet, InfNetMaps
    from infnet_monai.networks.registry import Backbone, get_backbone, list_backbones

__all__ = [
    "Backbone",
    "InfNet",
    "InfNetMaps",
    "ModelCost",
    "build_authors_network",
    "convert_authors_checkpoint",
    "convert_authors_state_dict",
    "get_backbone",
    "list_backbones",
    "measure_model",
    "measure_models",
]

__getattr__ = import_at_first_use(__name__)
