"""Test-time flips around any MONAI inferer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.inferers import Inferer
from torch import Tensor

__all__ = ["FlipInferer"]


class FlipInferer(Inferer):
    """Run the network on each batch and its mirror images together, and give the mean of the logits.

    Args:
        inferer: The inferer that does the work.
        spatial_axes: Axes to mirror along, one at a time. In slices of a scan oriented PLS, axis 1 runs from right to
            left.
        enabled: Whether there are flips at all.

    Example:
        >>> from monai.inferers import SimpleInferer
        >>> image = torch.tensor([[[[1.0, 2.0]]]])
        >>> FlipInferer(SimpleInferer())(image, lambda batch: batch * torch.tensor([0.0, 2.0])).tolist()
        [[[[1.0, 2.0]]]]
    """

    def __init__(self, inferer: Inferer, spatial_axes: Sequence[int] = (1,), enabled: bool = True):
        super().__init__()
        self.inferer = inferer
        self.dims = [axis + 2 for axis in spatial_axes] if enabled else []

    def __call__(self, inputs: Tensor, network: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what the wrapped inferer returns: logits of the shape that the network gives."""

        def mean(batch: Tensor) -> Tensor:
            logits, *mirrored = network(torch.cat([batch, *map(batch.flip, self.dims)])).chunk(1 + len(self.dims))
            upright = [view.flip(dim) for view, dim in zip(mirrored, self.dims, strict=True)]
            return torch.stack([logits, *upright]).mean(dim=0)

        return self.inferer(inputs, mean if self.dims else network, *args, **kwargs)
