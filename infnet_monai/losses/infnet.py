"""Inf-Net's total loss over its segmentation maps and its edge map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional
from torch.nn.modules.loss import _Loss

from infnet_monai.losses.structure import StructureLoss

__all__ = ["InfNetLoss"]


class InfNetLoss(_Loss):
    """Edge loss plus the structure loss of every segmentation map (Inf-Net paper, equation 4).

    Args:
        weighted_bce: See :class:`StructureLoss`.

    Shape:
        - Input: :class:`infnet_monai.networks.InfNetMaps`, the edge map last, each ``(B, 1, H, W)`` logits.
        - Target: ``(B, 2, H, W)``, channel 0 the lesion mask, channel 1 its edge map, both in [0, 1].
        - Output: scalar.
    """

    def __init__(self, weighted_bce: bool = True):
        super().__init__()
        self.structure = StructureLoss(weighted_bce)

    def forward(self, maps: Sequence[Tensor], target: Tensor) -> Tensor:
        """Compute the loss; see the class for shapes.

        Raises:
            ValueError: The target does not have the two channels mask and edge, or the input is a single map.
        """
        if isinstance(maps, Tensor):
            raise ValueError("InfNetLoss wants the maps that InfNet returns in train mode, got one tensor")
        if target.ndim != 4 or target.shape[1] != 2:
            raise ValueError(f"target must be (B, 2, H, W), mask and edge, got {tuple(target.shape)}")
        mask, edge = target.float().split(1, dim=1)
        *segmentations, edge_logits = maps
        loss = functional.binary_cross_entropy_with_logits(edge_logits, edge)
        for logits in segmentations:
            loss = loss + self.structure(logits, mask)
        return loss
