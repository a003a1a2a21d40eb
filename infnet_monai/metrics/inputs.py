"""What every measure accepts: probability maps and binary references of one shape."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from infnet_monai.errors import InputError

Protocol = Literal["paper", "clinical"]


def prepared_pair(
    pred: Tensor, reference: Tensor, protocol: Protocol = "paper", names: Sequence[str] | None = None
) -> tuple[Tensor, Tensor]:
    """Check a batch of maps and references and bring them to what the protocol measures.

    Args:
        pred: probabilities within [0, 1], (B, 1, H, W) or (B, 1, H, W, D), any dtype.
        reference: masks of 0 and 1 of the same shape, any dtype.
        protocol: ``"paper"`` scales each map by its own minimum and maximum, ``"clinical"`` takes it as it is.
        names: what to call each of the B cases in a message.

    Returns:
        The maps and the references as float64, shapes and device kept.

    Raises:
        InputError: shapes differ, a map leaves [0, 1] or holds NaN, a reference is not binary; it names the case.
    """
    check_protocol(protocol)
    pred, reference = _plain(pred), _plain(reference)
    check_shapes(pred, reference, names)
    low, high = _extremes(pred)
    _check_range(low, high, names)
    if reference.dtype == torch.bool:
        reference = reference.to(torch.uint8).to(torch.float64)  # twice as fast as at once
    else:
        reference = reference.to(torch.float64)
        _check_binary(reference, names)
    return (_stretched(pred, low, high) if protocol == "paper" else pred.to(torch.float64)), reference


def min_max_scaled(pred: Tensor) -> Tensor:
    """Scale each map to [0, 1] by its own minimum and maximum; a constant map is clipped to [0, 1] instead.

    Args:
        pred: (B, 1, H, W) or (B, 1, H, W, D).

    Returns:
        float64, same shape.

    Source:
        ``mapminmax`` in the MATLAB toolbox of the paper's authors.

    Example:
        >>> min_max_scaled(torch.tensor([[[[0.25, 0.5, 0.75]]]]))
        tensor([[[[0.0000, 0.5000, 1.0000]]]], dtype=torch.float64)
    """
    return _stretched(pred, *_extremes(pred)).clamp_(0, 1)


def check_protocol(protocol: str) -> None:
    """Refuse a protocol that does not exist."""
    if protocol not in get_args(Protocol):
        raise InputError(f"protocol {protocol!r} is unknown: use 'paper' or 'clinical'")


def check_shapes(pred: Tensor, reference: Tensor, names: Sequence[str] | None) -> None:
    """Refuse maps and references that are not both (B, 1, H, W) or (B, 1, H, W, D)."""
    if pred.shape != reference.shape:
        raise InputError(
            f"{case_name(names, 0)}: the prediction has shape {tuple(pred.shape)}, the reference "
            f"{tuple(reference.shape)}: resize the prediction to the reference"
        )
    if pred.ndim not in (4, 5) or pred.shape[1] != 1 or pred.numel() == 0:
        raise InputError(
            f"{case_name(names, 0)}: maps of shape {tuple(pred.shape)} cannot be measured: "
            "give (B, 1, H, W) or (B, 1, H, W, D)"
        )


def case_name(names: Sequence[str] | None, index: int) -> str:
    """The caller's name of a case, or its place in the batch."""
    return names[index] if names is not None else f"case {index} of the batch"


def _plain(image: Tensor) -> Tensor:
    # a MetaTensor would carry its metadata through every operation
    return image.as_subclass(Tensor).detach()


def _extremes(pred: Tensor) -> tuple[Tensor, Tensor]:
    dims = tuple(range(1, pred.ndim))
    return pred.amin(dims, keepdim=True).to(torch.float64), pred.amax(dims, keepdim=True).to(torch.float64)


def _stretched(pred: Tensor, low: Tensor, high: Tensor) -> Tensor:
    constant = low == high
    return (pred - torch.where(constant, 0.0, low)).div_(torch.where(constant, 1.0, high - low))


def _check_range(low: Tensor, high: Tensor, names: Sequence[str] | None) -> None:
    # NaN passes through amin and amax and fails both comparisons
    bad = ~((low >= 0) & (high <= 1)).flatten()
    if bad.any():
        first = int(bad.nonzero()[0])
        found = f"[{low.flatten()[first]:.6g}, {high.flatten()[first]:.6g}]"
        raise InputError(
            f"{case_name(names, first)}: the prediction's values span {found}, expected probabilities within [0, 1] "
            "without NaN: apply the sigmoid, or divide 8-bit values by 255"
        )


def _check_binary(reference: Tensor, names: Sequence[str] | None) -> None:
    # only 0 and 1 equal their square
    bad = ~(reference.square() == reference).flatten(1).all(1)
    if bad.any():
        first = int(bad.nonzero()[0])
        values = reference[first].unique()[:6].tolist()
        raise InputError(
            f"{case_name(names, first)}: the reference holds the values {values}, expected only 0 and 1: binarise it"
        )
