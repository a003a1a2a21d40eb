"""What every metric accepts: probability maps and binary references of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from infnet_monai.errors import InputError

__all__ = ["Protocol", "case_name", "check_protocol", "check_shapes", "min_max_scaled", "prepared_pair"]

Protocol = Literal["paper", "clinical"]


def prepared_pair(
    pred: Tensor,
    reference: Tensor,
    protocol: Protocol = "paper",
    names: Sequence[str] | None = None,
    out: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Check a batch of predictions and references and bring them to what the protocol measures.

    Args:
        pred: Probabilities within [0, 1], (B, 1, H, W) or (B, 1, H, W, D), any dtype.
        reference: Masks of 0 and 1 of the same shape, any dtype.
        protocol: ``"paper"`` scales each probability map by its own minimum and maximum, ``"clinical"`` takes it as
            it is.
        names: What to call each of the B images in a message.
        out: Tensor to write both to, float64 (2, B, 1, ...); a new one by default.

    Returns:
        The predictions and the references as float64, shapes and device kept.

    Raises:
        InputError: Shapes differ, a prediction leaves [0, 1] or holds NaN, or a reference is not binary; the message
            names the image.
    """
    check_protocol(protocol)
    pred, reference = _plain(pred), _plain(reference)
    check_shapes(pred, reference, names)
    low, high = _extremes(pred)
    _check_range(low, high, names)
    if reference.dtype != torch.bool:
        _check_binary(reference, names)
    probabilities, masks = torch.empty(2, *pred.shape, dtype=torch.float64, device=pred.device) if out is None else out
    masks.copy_(reference.to(torch.uint8))  # from bool it would take twice as long
    return (_stretch(pred, low, high, probabilities) if protocol == "paper" else probabilities.copy_(pred)), masks


def min_max_scaled(pred: Tensor) -> Tensor:
    r"""Scale each probability map to [0, 1] by its own minimum and maximum.

    .. math::
        p_i = \frac{p'_i - \min p'}{\max p' - \min p'}

    A constant map is clipped to [0, 1] instead.

    Args:
        pred: Values of any range, (B, 1, H, W) or (B, 1, H, W, D).

    Returns:
        float64, same shape, within [0, 1] and always defined.

    Source:
        ``mapminmax`` in the MATLAB toolbox of the authors of Inf-Net.

    Example:
        >>> min_max_scaled(torch.tensor([[[[0.25, 0.5, 0.75]]]]))
        tensor([[[[0.0000, 0.5000, 1.0000]]]], dtype=torch.float64)
    """
    return _stretch(pred, *_extremes(pred), torch.empty_like(pred, dtype=torch.float64)).clamp_(0, 1)


def check_protocol(protocol: str) -> None:
    """Refuse a protocol that does not exist."""
    if protocol not in get_args(Protocol):
        raise InputError(f"protocol {protocol!r} is unknown: use 'paper' or 'clinical'")


def check_shapes(pred: Tensor, reference: Tensor, names: Sequence[str] | None) -> None:
    """Refuse predictions and references that are not both (B, 1, H, W) or (B, 1, H, W, D)."""
    if pred.shape != reference.shape:
        raise InputError(
            f"{case_name(names, 0)}: the prediction has shape {tuple(pred.shape)}, the reference "
            f"{tuple(reference.shape)}: resize the prediction to the reference"
        )
    if pred.ndim not in (4, 5) or pred.shape[1] != 1 or pred.numel() == 0:
        raise InputError(
            f"{case_name(names, 0)}: predictions of shape {tuple(pred.shape)} cannot be measured: "
            "give (B, 1, H, W) or (B, 1, H, W, D)"
        )


def case_name(names: Sequence[str] | None, index: int) -> str:
    """Return the caller's name of an image, or its place in the batch."""
    return names[index] if names is not None else f"case {index} of the batch"


def _plain(image: Tensor) -> Tensor:
    # a MetaTensor would carry its metadata through every operation
    return image.as_subclass(Tensor).detach()


def _extremes(pred: Tensor) -> tuple[Tensor, Tensor]:
    dims = tuple(range(1, pred.ndim))
    return pred.amin(dims, keepdim=True).to(torch.float64), pred.amax(dims, keepdim=True).to(torch.float64)


def _stretch(pred: Tensor, low: Tensor, high: Tensor, out: Tensor) -> Tensor:
    constant = low == high
    return out.copy_(pred).sub_(low.masked_fill(constant, 0)).div_((high - low).masked_fill_(constant, 1))


def _check_range(low: Tensor, high: Tensor, names: Sequence[str] | None) -> None:
    valid = (low >= 0) & (high <= 1)  # NaN passes through amin and amax and fails both comparisons
    if not valid.all():
        first = int((~valid).flatten().nonzero()[0])
        found = f"[{low.flatten()[first]:.6g}, {high.flatten()[first]:.6g}]"
        raise InputError(
            f"{case_name(names, first)}: the prediction's values span {found}, expected probabilities within [0, 1] "
            "without NaN: apply the sigmoid, or divide 8-bit values by 255"
        )


def _check_binary(reference: Tensor, names: Sequence[str] | None) -> None:
    valid = ((reference == 0) | (reference == 1)).flatten(1).all(1)
    if not valid.all():
        first = int((~valid).nonzero()[0])
        values = reference[first].unique()[:6].tolist()
        raise InputError(
            f"{case_name(names, first)}: the reference holds the values {values}, expected only 0 and 1: binarise it"
        )
