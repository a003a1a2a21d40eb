"""Structure measure of a soft map."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from infnet_monai.errors import InputError
from infnet_monai.metrics.inputs import Protocol, prepared_pair

EPS = torch.finfo(torch.float64).eps  # MATLAB's eps


def structure_measure(
    pred: Tensor, reference: Tensor, protocol: Protocol = "paper", names: Sequence[str] | None = None
) -> Tensor:
    """How well a map keeps the object's structure: the mean of an object score and a region score, at least 0.

    For an empty reference it is 1 - mean(pred), for a full one mean(pred).

    Args:
        pred: probabilities within [0, 1], (B, 1, H, W).
        reference: masks of 0 and 1, same shape.
        protocol: ``"paper"`` scales each map by its minimum and maximum, ``"clinical"`` takes it as it is.
        names: what to call each case in a message.

    Returns:
        float64, (B,).

    Raises:
        InputError: see `prepared_pair`; also for volumes, since the measure is one of slices.

    Source:
        Fan et al., "Structure-measure: A New Way to Evaluate Foreground Maps", ICCV 2017, as computed by the MATLAB
        toolbox of the Inf-Net authors.

    Example:
        >>> structure_measure(torch.tensor([[[[0.0, 0.5]]]]), torch.zeros(1, 1, 1, 2), protocol="clinical")
        tensor([0.7500], dtype=torch.float64)
    """
    if pred.ndim != 4:
        raise InputError(f"the structure measure takes slices (B, 1, H, W), not {tuple(pred.shape)}: unbind the volume")
    pred, mask = prepared_pair(pred, reference, protocol, names)
    return structure_scores(pred, mask)


def structure_scores(pred: Tensor, reference: Tensor) -> Tensor:
    """`structure_measure` of maps as `prepared_pair` returns them."""
    sums = _part_sums(pred[:, 0], reference[:, 0])
    score = (0.5 * _object_score(sums) + 0.5 * _region_score(sums)).clamp(min=0)
    n_foreground, n_background = sums.n[1:].sum((2, 3))
    mean = (sums.n[0] * sums.mean[0]).sum((1, 2)) / (n_foreground + n_background)
    score = torch.where(n_foreground == 0, 1 - mean, score)
    return torch.where(n_background == 0, mean, score)


class _PartSums(NamedTuple):
    """Of the map's values in the four parts around the reference's centroid: on all pixels, foreground, background.

    All are (3, B, 2, 2).
    """

    n: Tensor
    mean: Tensor
    scatter: Tensor  # sum of squared deviations from the mean


def _part_sums(pred: Tensor, reference: Tensor) -> _PartSums:
    """Means and scatter from one pass over products of the maps (B, H, W).

    Values are taken less that of the part's pixel in the image's corner: a part of one value has scatter 0 exactly,
    and as that pixel belongs to the part, its scatter loses no digits to a large mean.
    """
    rows = _halves(reference.sum(2))
    y_of_rows = rows @ reference
    columns = _halves(y_of_rows.sum(1)).mT
    corner = pred[:, [0, -1]][:, :, [0, -1]]
    x, xy, xx, xxy = pred.new_empty(4, *pred.shape)  # one block, which the allocator keeps for the next call
    torch.baddbmm(pred, rows.mT, corner @ columns.mT, alpha=-1, out=x)
    torch.mul(x, reference, out=xy)
    torch.mul(x, x, out=xx)
    torch.mul(x, xy, out=xxy)
    of_rows = torch.stack([y_of_rows, *(rows @ each for each in (x, xy, xx, xxy))])
    sum_y, sum_x, sum_xy, sum_xx, sum_xxy = of_rows @ columns
    area = rows.sum(2)[:, :, None] * columns.sum(1)[:, None]
    n = torch.stack([area, sum_y, area - sum_y])
    sums = torch.stack([sum_x, sum_xy, sum_x - sum_xy])
    shift = sums / n.clamp(min=1)
    scatter = torch.stack([sum_xx, sum_xxy, sum_xx - sum_xxy]) - sums * shift
    return _PartSums(n, corner + shift, scatter)


def _object_score(sums: _PartSums) -> Tensor:
    """Likeness of the foreground to all 1 and of the background to all 0, weighted by area: (B,)."""
    n, part_mean = sums.n[1:], sums.mean[1:]
    total = n.sum((2, 3), keepdim=True)  # (2, B, 1, 1)
    mean = (n * part_mean).sum((2, 3), keepdim=True) / total
    squares = (sums.scatter[1:] + n * (part_mean - mean).square()).sum((2, 3), keepdim=True)
    std = (squares.clamp(min=0) / (total - 1).clamp(min=1)).sqrt()
    mean = torch.stack([mean[0], 1 - mean[1]])
    likeness = 2 * mean / (mean.square() + 1 + std + EPS)
    return ((total * likeness).sum(0) / total.sum(0)).flatten()


def _region_score(sums: _PartSums) -> Tensor:
    """SSIM-like scores of the four parts, weighted by area: (B,)."""
    n, n_foreground, n_background = sums.n
    x, y = sums.mean[0], n_foreground / n.clamp(min=1)
    freedom = (n - 1).clamp(min=1)
    variances = (sums.scatter[0] + y * n_background) / freedom  # sum (y - mean)^2 = n_foreground n_background / n
    covariance = n_foreground * (sums.mean[1] - x) / freedom
    numerator = 4 * x * y * covariance
    denominator = (x.square() + y.square()) * variances
    quality = torch.where(numerator == 0, (denominator == 0).to(x.dtype), numerator / (denominator + EPS))
    return (quality * n).sum((1, 2)) / n.sum((1, 2))


def _halves(profile: Tensor) -> Tensor:
    """Which rows (or columns) lie up to the centroid of the profile (B, L), and which beyond: (B, 2, L) of 0 and 1.

    Counted from 1 the centroid is rounded half up and its own row belongs to the first half: counted from 0, the
    first half reaches to centroid + 0.5.
    """
    index = torch.arange(profile.shape[1], dtype=profile.dtype, device=profile.device)
    centroid = profile @ index / profile.sum(1)
    first = index <= (centroid + 0.5)[:, None]
    return torch.stack([first, ~first], dim=1).to(profile.dtype)
