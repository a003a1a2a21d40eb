"""From values of images to one value a measure."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

__all__ = ["count_undefined", "summarise"]


def summarise(values: Tensor, names: Sequence[str]) -> dict[str, float]:
    """The mean of each measure over the images where it is defined; NaN where it is nowhere.

    Args:
        values: (N, number of measures).
        names: of the measures.

    Example:
        >>> import torch
        >>> summarise(torch.tensor([[0.5, 1.0], [torch.nan, 0.0]]), ["dice", "mae"])
        {'dice': 0.5, 'mae': 0.5}
    """
    return dict(zip(names, values.nanmean(0).tolist(), strict=True))


def count_undefined(values: Tensor, names: Sequence[str]) -> dict[str, int]:
    """On how many of the images each measure is undefined; arguments as in :func:`summarise`."""
    return dict(zip(names, values.isnan().sum(0).tolist(), strict=True))
