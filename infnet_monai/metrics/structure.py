"""Structure measure of a probability map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from infnet_monai.errors import InputError
from infnet_monai.metrics.inputs import Protocol, prepared_pair

__all__ = ["PartSums", "part_sums", "structure_measure", "structure_scores"]

EPS = torch.finfo(torch.float64).eps  # MATLAB's eps


def structure_measure(
    pred: Tensor, reference: Tensor, protocol: Protocol = "paper", names: Sequence[str] | None = None
) -> Tensor:
    r"""Compute how well a probability map keeps the structure of the reference.

    .. math::
        S = \max(0, \tfrac{1}{2} S_{object} + \tfrac{1}{2} S_{region})

    With the fraction :math:`\mu` of foreground, the object score is :math:`\mu O(p_{fg}) + (1 - \mu) O(1 - p_{bg})`,
    where :math:`O(v) = 2 \bar v / (\bar v^2 + 1 + \sigma_v + \epsilon)`. The region score is the mean, weighted by
    area, over the four parts around the reference's centroid of

    .. math::
        Q = \frac{4 \bar p \bar g \sigma_{pg}}{(\bar p^2 + \bar g^2)(\sigma_p^2 + \sigma_g^2) + \epsilon}

    which is 1 where numerator and denominator are 0. Variances and covariances are divided by N - 1.

    Args:
        pred: Probabilities within [0, 1], (B, 1, H, W).
        reference: Masks of 0 and 1, same shape.
        protocol: ``"paper"`` scales each probability map by its own minimum and maximum, ``"clinical"`` takes it as
            it is.
        names: What to call each image in a message.

    Returns:
        float64, (B,), within [0, 1] and always defined: for an empty reference 1 - mean(pred), for a full one
        mean(pred).

    Raises:
        InputError: See :func:`infnet_monai.metrics.inputs.prepared_pair`; also for volumes, since it is defined for
            slices.

    Source:
        Fan et al., "Structure-measure: A New Way to Evaluate Foreground Maps", ICCV 2017, as computed by the MATLAB
        toolbox of the authors of Inf-Net.

    Example:
        >>> structure_measure(torch.tensor([[[[0.0, 0.5]]]]), torch.zeros(1, 1, 1, 2), protocol="clinical")
        tensor([0.7500], dtype=torch.float64)
    """
    if pred.ndim != 4:
        raise InputError(f"the structure measure takes slices (B, 1, H, W), not {tuple(pred.shape)}: unbind the volume")
    return structure_scores(part_sums(*prepared_pair(pred, reference, protocol, names)))


class PartSums(NamedTuple):
    """Statistics of probability maps over the four parts around the reference's centroid.

    All are (B, 3, 2, 2): over all pixels, those of the foreground, those of the background.
    """

    n: Tensor
    mean: Tensor
    scatter: Tensor  # sum of squared deviations from the mean

    def pred_mean(self) -> Tensor:
        """Compute the mean of each probability map, (B,)."""
        n = self.n[:, 0]
        return (n * self.mean[:, 0]).sum((1, 2)) / n.sum((1, 2))

    def absolute_error(self) -> Tensor:
        """Compute the mean absolute error of each probability map, (B,)."""
        n, n_foreground, n_background = self.n.unbind(1)
        _, foreground, background = self.mean.unbind(1)
        return (n_foreground * (1 - foreground) + n_background * background).sum((1, 2)) / n.sum((1, 2))


def part_sums(pred: Tensor, reference: Tensor, scratch: Tensor | None = None) -> PartSums:
    """Sum probability maps and their products over the four parts.

    Values are taken less that of the part's pixel in the image's corner: a part of one value has scatter 0 exactly,
    and as that pixel belongs to the part, its scatter loses no digits to a large mean.

    Args:
        pred: Probabilities, float64, (B, 1, H, W), as ``prepared_pair`` returns them.
        reference: Masks of 0 and 1, float64, same shape.
        scratch: Tensor to overwrite, float64 (2, B, 1, H, W); a new one by default.
    """
    pred, reference = pred[:, 0], reference[:, 0]
    rows = _halves(reference.sum(2))
    y_of_rows = rows.bmm(reference)
    columns = _halves(y_of_rows.sum(1)).mT
    corner = pred[:, [0, -1]][:, :, [0, -1]]
    x, product = pred.new_empty(2, *pred.shape) if scratch is None else scratch[:, :, 0]
    torch.baddbmm(pred, rows.mT, corner.bmm(columns.mT), alpha=-1, out=x)
    x_of_rows = rows.bmm(x)
    xy_of_rows = rows.bmm(torch.mul(x, reference, out=product))
    xxy_of_rows = rows.bmm(product.mul_(x))
    xx_of_rows = rows.bmm(x.square_())
    of_rows = torch.cat([y_of_rows, x_of_rows, xy_of_rows, xx_of_rows, xxy_of_rows], dim=1)
    sum_y, sum_x, sum_xy, sum_xx, sum_xxy = of_rows.bmm(columns).unflatten(1, (5, 2)).unbind(1)
    area = rows.sum(2, keepdim=True) * columns.sum(1, keepdim=True)
    n = torch.stack([area, sum_y, area - sum_y], dim=1)
    sums = torch.stack([sum_x, sum_xy, sum_x - sum_xy], dim=1)
    squares = torch.stack([sum_xx, sum_xxy, sum_xx - sum_xxy], dim=1)
    shift = sums / n.clamp(min=1)
    return PartSums(n, corner[:, None] + shift, squares - sums * shift)


def structure_scores(parts: PartSums) -> Tensor:
    """Compute the structure measure (B,) of sums over the parts."""
    score = (0.5 * _object_score(parts) + 0.5 * _region_score(parts)).clamp(min=0)
    n_foreground, n_background = parts.n[:, 1:].sum((2, 3)).unbind(1)
    mean = parts.pred_mean()
    score = torch.where(n_foreground == 0, 1 - mean, score)
    return torch.where(n_background == 0, mean, score)


def _object_score(parts: PartSums) -> Tensor:
    """Likeness of the foreground to all 1 and of the background to all 0, weighted by area: (B,)."""
    n, part_mean = parts.n[:, 1:], parts.mean[:, 1:]
    total = n.sum((2, 3))  # (B, 2)
    mean = (n * part_mean).sum((2, 3)) / total
    scatter = (parts.scatter[:, 1:] + n * (part_mean - mean[:, :, None, None]).square()).sum((2, 3))
    std = (scatter.clamp(min=0) / (total - 1).clamp(min=1)).sqrt()
    mean = torch.stack([mean[:, 0], 1 - mean[:, 1]], dim=1)
    likeness = 2 * mean / (mean.square() + 1 + std + EPS)
    return (total * likeness).sum(1) / total.sum(1)


def _region_score(parts: PartSums) -> Tensor:
    """SSIM-like scores of the four parts, weighted by area: (B,)."""
    n, n_foreground, n_background = parts.n.unbind(1)
    x, y = parts.mean[:, 0], n_foreground / n.clamp(min=1)
    freedom = (n - 1).clamp(min=1)
    variances = (parts.scatter[:, 0] + y * n_background) / freedom  # of 0 and 1: n_foreground n_background / n
    covariance = n_foreground * (parts.mean[:, 1] - x) / freedom
    numerator = 4 * x * y * covariance
    denominator = (x.square() + y.square()) * variances
    quality = torch.where(numerator == 0, (denominator == 0).to(x.dtype), numerator / (denominator + EPS))
    return (quality * n).sum((1, 2)) / n.sum((1, 2))


def _halves(profile: Tensor) -> Tensor:
    """Mark the rows (or columns) up to the centroid of the profile (B, L) and those beyond: (B, 2, L) of 0 and 1.

    Counted from 1 the centroid is rounded half up and its own row belongs to the first half: counted from 0, the
    first half reaches to centroid + 0.5.
    """
    index = torch.arange(profile.shape[1], dtype=profile.dtype, device=profile.device)
    centroid = profile.mv(index) / profile.sum(1)
    first = index <= centroid[:, None] + 0.5
    return torch.stack([first, ~first], dim=1).to(profile.dtype)
