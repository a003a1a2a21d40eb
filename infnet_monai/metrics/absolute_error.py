"""Mean absolute error of a probability map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from infnet_monai.metrics.inputs import Protocol, prepared_pair

__all__ = ["absolute_errors", "mean_absolute_error"]


def mean_absolute_error(
    pred: Tensor, reference: Tensor, protocol: Protocol = "paper", names: Sequence[str] | None = None
) -> Tensor:
    r"""Compute the mean absolute error of each image.

    .. math::
        \mathrm{MAE}(p, g) = \frac{1}{N} \sum_{i=1}^{N} |p_i - g_i|

    Args:
        pred: Probabilities within [0, 1], (B, 1, H, W) or (B, 1, H, W, D).
        reference: Masks of 0 and 1, same shape.
        protocol: ``"paper"`` scales each probability map by its own minimum and maximum, ``"clinical"`` takes it as
            it is.
        names: What to call each image in a message.

    Returns:
        float64, (B,), within [0, 1] and always defined.

    Raises:
        InputError: See :func:`infnet_monai.metrics.inputs.prepared_pair`.

    Source:
        The MATLAB toolbox of the authors of Inf-Net.

    Example:
        >>> import torch
        >>> mean_absolute_error(torch.tensor([[[[0.5, 1.0]]]]), torch.ones(1, 1, 1, 2), protocol="clinical")
        tensor([0.2500], dtype=torch.float64)
    """
    return absolute_errors(*prepared_pair(pred, reference, protocol, names))


def absolute_errors(pred: Tensor, reference: Tensor) -> Tensor:
    """Compute :func:`mean_absolute_error` of a pair that ``prepared_pair`` has returned.

    Args:
        pred: Probabilities, float64, (B, 1, ...).
        reference: Masks of 0 and 1, float64, same shape.
    """
    return (pred - reference).abs_().flatten(1).mean(1)
