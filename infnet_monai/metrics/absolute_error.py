"""Mean absolute error of a soft map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from infnet_monai.metrics.inputs import Protocol, prepared_pair

__all__ = ["absolute_errors", "mean_absolute_error"]


def mean_absolute_error(
    pred: Tensor, reference: Tensor, protocol: Protocol = "paper", names: Sequence[str] | None = None
) -> Tensor:
    """Mean of ``|pred - reference|`` over each image's pixels.

    Args:
        pred: probabilities within [0, 1], (B, 1, H, W) or (B, 1, H, W, D).
        reference: masks of 0 and 1, same shape.
        protocol: ``"paper"`` scales each map by its minimum and maximum, ``"clinical"`` takes it as it is.
        names: what to call each case in a message.

    Returns:
        float64, (B,).

    Raises:
        InputError: see :func:`prepared_pair`.

    Example:
        >>> import torch
        >>> mean_absolute_error(torch.tensor([[[[0.5, 1.0]]]]), torch.ones(1, 1, 1, 2), protocol="clinical")
        tensor([0.2500], dtype=torch.float64)
    """
    return absolute_errors(*prepared_pair(pred, reference, protocol, names))


def absolute_errors(pred: Tensor, reference: Tensor) -> Tensor:
    """:func:`mean_absolute_error` of maps as :func:`prepared_pair` returns them."""
    return (pred - reference).abs_().flatten(1).mean(1)
