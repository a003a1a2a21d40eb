"""Losses of Inf-Net."""

from infnet_monai.losses.infnet import InfNetLoss
from infnet_monai.losses.structure import StructureLoss

__all__ = ["InfNetLoss", "StructureLoss"]
