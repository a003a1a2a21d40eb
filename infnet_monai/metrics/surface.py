"""Distance between the surfaces of a label and its reference."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.metrics import compute_hausdorff_distance
from torch import Tensor

__all__ = ["hausdorff_95"]


def hausdorff_95(label: Tensor, reference: Tensor, spacing_mm: Sequence[Sequence[float]] | None = None) -> Tensor:
    """95th percentile of the distances between the two surfaces, the larger of both directions.

    Args:
        label: 0 and 1, (B, 1, H, W) or (B, 1, H, W, D).
        reference: 0 and 1, same shape.
        spacing_mm: pixel or voxel spacing of each of the B images; None measures in pixels.

    Returns:
        float64, (B,), in mm or pixels; NaN where label or reference is empty, since there is no surface to reach.

    Source:
        :func:`monai.metrics.compute_hausdorff_distance`.

    Example:
        >>> label, reference = torch.tensor([[[[1, 0, 0, 0]]]]), torch.tensor([[[[0, 0, 0, 1]]]])
        >>> hausdorff_95(label, reference, spacing_mm=[(1.0, 0.5)])
        tensor([1.5000], dtype=torch.float64)
    """
    distances = torch.full((len(label),), torch.nan, dtype=torch.float64, device=label.device)
    has_surfaces = label.flatten(1).any(1) & reference.flatten(1).any(1)
    for index in has_surfaces.nonzero().flatten().tolist():
        here = slice(index, index + 1)
        spacing = None if spacing_mm is None else list(spacing_mm[index])
        distances[here] = compute_hausdorff_distance(
            label[here], reference[here], include_background=True, percentile=95, spacing=spacing
        )[:, 0].to(torch.float64)
    return distances
