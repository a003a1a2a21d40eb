"""Inf-Net's total loss over its segmentation maps and its edge map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional
from torch.nn.modules.loss import _Loss

from infnet_monai.losses.structure import StructureLoss

__all__ = ["InfNetLoss"]


class InfNetLoss(_Loss):
    r"""Edge loss plus the structure loss of every segmentation map.

    With the lesion mask :math:`G_s`, its edge map :math:`G_e`, the global map :math:`S_g`, the refined maps
    :math:`S_i` and the predicted edge map :math:`S_e`, all at the size of the slice:

    .. math::

        L = \text{BCE}(S_e, G_e) + L_{seg}(S_g, G_s) + \sum_{i=3}^{5} L_{seg}(S_i, G_s)

    :math:`L_{seg}` is :class:`StructureLoss`, its mean over the classes where there are several, BCE the mean of the
    binary cross-entropy over all pixels.

    Source: Fan et al., Inf-Net (IEEE TMI 2020, arXiv 2004.14133), equation 4.

    Args:
        weighted_bce: Weight the cross-entropy of the segmentation maps, see :class:`StructureLoss`.

    Shape:
        - Input: :class:`infnet_monai.networks.InfNetMaps`, each ``(B, C, H, W)`` logits of the C classes, the edge map
          ``(B, 1, H, W)`` last.
        - Target: ``(B, C + 1, H, W)``, the masks of the classes, then the edge map of all of them, in [0, 1].
        - Output: scalar in [0, inf).

    Example:
        >>> import torch
        >>> target = torch.zeros(1, 2, 32, 32)
        >>> maps = [torch.full((1, 1, 32, 32), -9.0)] * 5  # nothing is predicted, as it should be
        >>> bool(InfNetLoss()(maps, target) < 1)
        True
    """

    def __init__(self, weighted_bce: bool = True):
        super().__init__()
        self.structure = StructureLoss(weighted_bce)

    def forward(self, maps: Sequence[Tensor], target: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            maps: Logits of the segmentation maps ``(B, C, H, W)``, then of the edge map ``(B, 1, H, W)``.
            target: Masks and edge map ``(B, C + 1, H, W)``.

        Returns:
            Scalar.

        Raises:
            ValueError: The target has not one channel more than the maps, or the input is a single map.
        """
        if isinstance(maps, Tensor):
            raise ValueError("InfNetLoss expects the maps that InfNet returns in train mode, got one tensor")
        classes = maps[0].shape[1]
        if target.ndim != 4 or target.shape[1] != classes + 1:
            raise ValueError(f"target must be (B, {classes + 1}, H, W), masks and edge, got {tuple(target.shape)}")
        mask, edge = target.float().split([classes, 1], dim=1)
        *segmentations, edge_logits = maps
        loss = functional.binary_cross_entropy_with_logits(edge_logits, edge)
        for logits in segmentations:
            loss = loss + self.structure(logits, mask)
        return loss
