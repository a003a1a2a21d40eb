"""Losses of Inf-Net, and of its semi-supervised training."""

from infnet_monai.losses.consistency import ConsistencyLoss
from infnet_monai.losses.infnet import InfNetLoss
from infnet_monai.losses.structure import StructureLoss

__all__ = ["ConsistencyLoss", "InfNetLoss", "StructureLoss"]
