"""Structure measure of a soft map."""

from collections.abc import Sequence

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
    pred, reference = pred[:, 0], reference[:, 0].to(pred.dtype)
    share, mean = reference.mean((1, 2)), pred.mean((1, 2))
    object_score = share * _object_similarity(pred, reference)
    object_score += (1 - share) * _object_similarity(1 - pred, 1 - reference)
    score = (0.5 * object_score + 0.5 * _region_score(pred, reference)).clamp(min=0)
    score = torch.where(share == 0, 1 - mean, score)
    return torch.where(share == 1, mean, score)


def _object_similarity(values: Tensor, where: Tensor) -> Tensor:
    """2 m / (m^2 + 1 + s) with mean m and standard deviation s of the values (B, H, W) where the other map is 1."""
    values, where = values.flatten(1), where.flatten(1)
    n = where.sum(1)
    mean = (values * where).sum(1) / n
    squares = (values - mean[:, None]).square_().mul_(where).sum(1)
    deviation = (squares / (n - 1).clamp(min=1)).sqrt()
    return 2 * mean / (mean**2 + 1 + deviation + EPS)


def _region_score(pred: Tensor, reference: Tensor) -> Tensor:
    """SSIM-like scores of the four parts around the reference's centroid, weighted by area: (B, H, W) to (B,)."""
    rows, columns = _halves(reference.sum(2)), _halves(reference.sum(1)).mT  # (B, 2, H), (B, W, 2)
    area = rows.sum(2)[:, :, None] * columns.sum(1)[:, None, :]  # (B, 2, 2), as all sums over parts
    # Measured from the part's own outer corner a constant part has deviations of exactly 0, and since the corner
    # belongs to the part, the one-pass variance below loses no digits that matter.
    corner = pred[:, [0, -1]][:, :, [0, -1]]
    deviation = pred - rows.mT @ corner @ columns.mT
    sum_x = rows @ deviation @ columns
    sum_xx = rows @ deviation.square() @ columns
    sum_xy = rows @ (deviation * reference) @ columns
    sum_y = rows @ reference @ columns
    mean_deviation, y = sum_x / area.clamp(min=1), sum_y / area.clamp(min=1)
    x = corner + mean_deviation
    freedom = (area - 1).clamp(min=1)
    variance_x = (sum_xx - sum_x * mean_deviation) / freedom
    variance_y = (sum_y - sum_y * y) / freedom
    covariance = (sum_xy - sum_x * y) / freedom
    numerator = 4 * x * y * covariance
    denominator = (x**2 + y**2) * (variance_x + variance_y)
    quality = torch.where(numerator == 0, (denominator == 0).to(pred.dtype), numerator / (denominator + EPS))
    return (quality * area).sum((1, 2)) / area.sum((1, 2))


def _halves(profile: Tensor) -> Tensor:
    """Which rows (or columns) lie up to the centroid of the profile (B, L), and which beyond: (B, 2, L) of 0 and 1.

    Positions count from 1 and the centroid is rounded half up; its own row belongs to the first half.
    """
    position = torch.arange(1, profile.shape[1] + 1, dtype=profile.dtype, device=profile.device)
    centroid = (profile * position).sum(1) / profile.sum(1)
    first = (position <= torch.floor(centroid + 0.5)[:, None]).to(profile.dtype)
    return torch.stack([first, 1 - first], dim=1)
