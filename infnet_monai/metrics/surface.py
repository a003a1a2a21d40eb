"""Distance between the surfaces of a binary prediction and its reference."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.data import MetaTensor
from monai.metrics import compute_hausdorff_distance
from torch import Tensor

from infnet_monai.errors import InputError

__all__ = ["hausdorff_95", "header_spacing"]


def hausdorff_95(pred: Tensor, reference: Tensor, spacing_mm: Sequence[Sequence[float]] | None = None) -> Tensor:
    r"""Compute the 95th percentile of the distances between two surfaces, the larger of both directions.

    .. math::
        \max(P_{95}\{d(a, B) : a \in A\}, P_{95}\{d(b, A) : b \in B\})

    where A and B are the surface pixels (or voxels) of both and d(a, B) is the distance from a to the nearest of B.

    Args:
        pred: Binary prediction of 0 and 1, (B, 1, H, W) or (B, 1, H, W, D).
        reference: Masks of 0 and 1, same shape.
        spacing_mm: Spacing of the pixels or voxels of each of the B images in mm; None measures in pixels.

    Returns:
        float64, (B,), at least 0, in mm or pixels; NaN where prediction or reference is empty, since there is no
        surface to reach.

    Source:
        :func:`monai.metrics.compute_hausdorff_distance`.

    Example:
        >>> pred, reference = torch.tensor([[[[1, 0, 0, 0]]]]), torch.tensor([[[[0, 0, 0, 1]]]])
        >>> hausdorff_95(pred, reference, spacing_mm=[(1.0, 0.5)])
        tensor([1.5000], dtype=torch.float64)
    """
    distances = torch.full((len(pred),), torch.nan, dtype=torch.float64, device=pred.device)
    has_surfaces = pred.flatten(1).any(1) & reference.flatten(1).any(1)
    for index in has_surfaces.nonzero().flatten().tolist():
        here = slice(index, index + 1)
        spacing = None if spacing_mm is None else list(spacing_mm[index])
        distances[here] = compute_hausdorff_distance(
            pred[here], reference[here], include_background=True, percentile=95, spacing=spacing
        )[:, 0].to(torch.float64)
    return distances


def header_spacing(image: Tensor) -> list[float] | None:
    """Return the spacing of an image in mm from its metadata; None where it is not known, as of plain pictures.

    Args:
        image: MetaTensor (1, H, W) or (1, H, W, D); of a slice of a volume the spacing within the slice is returned.

    Raises:
        InputError: The image carries no metadata.
    """
    if not isinstance(image, MetaTensor):
        raise InputError("spacing_mm='header' needs references that are MetaTensors: load them with MONAI")
    if not image.meta.get("spacing_known", True):
        return None
    return image.pixdim[: image.ndim - 1].tolist()
