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
    share, mean = reference.flatten(1).mean(1), pred.flatten(1).mean(1)
    score = (0.5 * _object_score(sums) + 0.5 * _region_score(sums)).clamp(min=0)
    score = torch.where(share == 0, 1 - mean, score)
    return torch.where(share == 1, mean, score)


class _PartSums(NamedTuple):
    """Sums over the four parts of the map around the reference's centroid, each (B, 2, 2).

    x is the map's value less that of the part's corner in the image's corner: so a part of one value has deviations
    of exactly 0, and its variance, of which the corner is a sample, loses no digits to a large mean.
    """

    n: Tensor  # pixels
    corner: Tensor
    x: Tensor
    xx: Tensor
    xy: Tensor  # over the foreground
    xxy: Tensor  # squares over the foreground
    y: Tensor  # foreground pixels


def _part_sums(pred: Tensor, reference: Tensor) -> _PartSums:
    rows, columns = _halves(reference.sum(2)), _halves(reference.sum(1)).mT  # (B, 2, H), (B, W, 2)
    corner = pred[:, [0, -1]][:, :, [0, -1]]
    # one block for all maps, since one block is what the allocator keeps for the next call
    maps = pred.new_empty(4, *pred.shape)
    x, xx, xy, xxy = maps
    torch.baddbmm(pred, rows.mT, corner @ columns.mT, alpha=-1, out=x)
    torch.mul(x, x, out=xx)
    torch.mul(x, reference, out=xy)
    torch.mul(x, xy, out=xxy)
    sums = (rows @ each @ columns for each in (*maps, reference))
    return _PartSums(rows.sum(2)[:, :, None] * columns.sum(1)[:, None, :], corner, *sums)


def _object_score(sums: _PartSums) -> Tensor:
    """Likeness of the foreground to all 1 and of the background to all 0, weighted by area: (B,)."""
    inside_n, inside_mean, inside_std = _mean_and_std(sums.y, sums.xy, sums.xxy, sums.corner)
    outside_n, outside_mean, outside_std = _mean_and_std(
        sums.n - sums.y, sums.x - sums.xy, sums.xx - sums.xxy, sums.corner
    )
    inside, outside = _likeness(inside_mean, inside_std), _likeness(1 - outside_mean, outside_std)
    return (inside_n * inside + outside_n * outside) / (inside_n + outside_n)


def _mean_and_std(n: Tensor, x: Tensor, xx: Tensor, corner: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Number, mean and standard deviation (over n - 1) of values summed by parts: (B, 2, 2) to (B,)."""
    part_mean = x / n.clamp(min=1)
    total = n.sum((1, 2))
    mean = (n * (corner + part_mean)).sum((1, 2)) / total
    squares = xx - x * part_mean + n * (corner + part_mean - mean[:, None, None]).square()
    return total, mean, (squares.sum((1, 2)).clamp(min=0) / (total - 1).clamp(min=1)).sqrt()


def _likeness(mean: Tensor, std: Tensor) -> Tensor:
    return 2 * mean / (mean.square() + 1 + std + EPS)


def _region_score(sums: _PartSums) -> Tensor:
    """SSIM-like scores of the four parts, weighted by area: (B,)."""
    n, freedom = sums.n.clamp(min=1), (sums.n - 1).clamp(min=1)
    x, y = sums.corner + sums.x / n, sums.y / n
    variance_x = (sums.xx - sums.x * sums.x / n) / freedom
    variance_y = (sums.y - sums.y * y) / freedom
    covariance = (sums.xy - sums.x * y) / freedom
    numerator = 4 * x * y * covariance
    denominator = (x.square() + y.square()) * (variance_x + variance_y)
    quality = torch.where(numerator == 0, (denominator == 0).to(x.dtype), numerator / (denominator + EPS))
    return (quality * sums.n).sum((1, 2)) / sums.n.sum((1, 2))


def _halves(profile: Tensor) -> Tensor:
    """Which rows (or columns) lie up to the centroid of the profile (B, L), and which beyond: (B, 2, L) of 0 and 1.

    Positions count from 1 and the centroid is rounded half up; its own row belongs to the first half.
    """
    position = torch.arange(1, profile.shape[1] + 1, dtype=profile.dtype, device=profile.device)
    centroid = (profile * position).sum(1) / profile.sum(1)
    first = (position <= torch.floor(centroid + 0.5)[:, None]).to(profile.dtype)
    return torch.stack([first, 1 - first], dim=1)
