"""Dice, sensitivity, specificity and enhanced alignment over 256 thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from infnet_monai.metrics.counts import ConfusionCounts, counts_at, counts_over_thresholds
from infnet_monai.metrics.inputs import Protocol, prepared_pair

__all__ = [
    "ThresholdCurves",
    "adaptive_metrics",
    "adaptive_threshold",
    "curves_from_counts",
    "enhanced_alignment",
    "threshold_curves",
]

EPS = torch.finfo(torch.float64).eps  # MATLAB's eps


class ThresholdCurves(NamedTuple):
    """Four metrics of B probability maps at T thresholds, each float64 (B, T)."""

    dice: Tensor
    sensitivity: Tensor
    specificity: Tensor
    e_measure: Tensor


def threshold_curves(
    pred: Tensor, reference: Tensor, protocol: Protocol = "paper", names: Sequence[str] | None = None
) -> ThresholdCurves:
    """Compute Dice, sensitivity, specificity and enhanced alignment of ``pred >= t`` at t = 1, 254/255, ..., 0.

    Dice is 2TP / (2TP + FP + FN), sensitivity TP / (TP + FN), specificity TN / (TN + FP); for the last see
    :func:`enhanced_alignment`.

    Args:
        pred: Probabilities within [0, 1], (B, 1, H, W) or (B, 1, H, W, D).
        reference: Masks of 0 and 1, same shape.
        protocol: ``"paper"`` scales each probability map by its own minimum and maximum and sets Dice, sensitivity
            and specificity to 0 where TP = 0 or where they are 0 / 0; ``"clinical"`` does neither and leaves 0 / 0
            as NaN.
        names: What to call each image in a message.

    Returns:
        Curves with T = 256 in the order of the thresholds above, within [0, 1] but for the enhanced alignment, which
        may exceed 1 by 1 / (N - 1) of N pixels.

    Raises:
        InputError: See :func:`infnet_monai.metrics.inputs.prepared_pair`.

    Source:
        The MATLAB toolbox of the authors of Inf-Net.

    Example:
        >>> reference = torch.tensor([[[[0, 1]]]])
        >>> curves = threshold_curves(torch.tensor([[[[0.0, 1.0]]]]), reference)
        >>> curves.dice[0, [0, -1]]
        tensor([1.0000, 0.6667], dtype=torch.float64)
    """
    pred, mask = prepared_pair(pred, reference, protocol, names)
    return curves_from_counts(counts_over_thresholds(pred, mask), protocol)


def adaptive_metrics(
    pred: Tensor, reference: Tensor, protocol: Protocol = "paper", names: Sequence[str] | None = None
) -> ThresholdCurves:
    """Compute the four metrics at the adaptive threshold, twice the probability map's mean but at most 1.

    Args:
        pred: Probabilities within [0, 1], (B, 1, H, W) or (B, 1, H, W, D).
        reference: Masks of 0 and 1, same shape.
        protocol: See :func:`threshold_curves`.
        names: What to call each image in a message.

    Returns:
        The four metrics with T = 1.

    Raises:
        InputError: See :func:`infnet_monai.metrics.inputs.prepared_pair`.

    Source:
        The MATLAB toolbox of the authors of Inf-Net.

    Example:
        >>> reference = torch.tensor([[[[0, 0, 1, 1]]]])
        >>> adaptive_metrics(torch.tensor([[[[0.0, 0.0, 0.8, 0.4]]]]), reference).dice  # threshold 0.75
        tensor([[0.6667]], dtype=torch.float64)
    """
    pred, mask = prepared_pair(pred, reference, protocol, names)
    return curves_from_counts(counts_at(pred, mask, adaptive_threshold(pred.flatten(1).mean(1))), protocol)


def adaptive_threshold(mean: Tensor) -> Tensor:
    """Return twice the mean of a probability map, at most 1."""
    return (2 * mean).clamp(max=1)


def curves_from_counts(counts: ConfusionCounts, protocol: Protocol) -> ThresholdCurves:
    """Compute the four metrics of counts.

    Args:
        counts: Counts of B images at T thresholds.
        protocol: ``"paper"`` sets the first three to 0 where TP = 0 or where they are 0 / 0.
    """
    dice, sensitivity, specificity = counts.dice(), counts.sensitivity(), counts.specificity()
    if protocol == "paper":
        missed = counts.tp == 0
        dice, sensitivity = dice.masked_fill(missed, 0), sensitivity.masked_fill(missed, 0)
        specificity = specificity.masked_fill(missed | (counts.n_background == 0), 0)
    return ThresholdCurves(dice, sensitivity, specificity, enhanced_alignment(counts))


def enhanced_alignment(counts: ConfusionCounts) -> Tensor:
    r"""Compute the enhanced-alignment measure of binary predictions from their confusion counts.

    .. math::
        E = \frac{1}{N - 1} \sum_{i=1}^{N} \frac{(\phi_i + 1)^2}{4}, \qquad
        \phi_i = \frac{2 a_i b_i}{a_i^2 + b_i^2 + \epsilon}

    with the deviations a of the prediction and b of the reference from their own means over the N pixels. Only four
    pairs (a, b) occur, so four counts suffice. For an empty reference the score is the number of pixels predicted as
    background over N - 1, for a full one that of pixels predicted as foreground.

    Args:
        counts: Counts of B images at T thresholds.

    Returns:
        float64, (B, T), from 0 to N / (N - 1), and always defined.

    Source:
        Fan et al., "Enhanced-alignment Measure for Binary Foreground Map Evaluation", IJCAI 2018, as computed by the
        MATLAB toolbox of the authors of Inf-Net.

    Example:
        >>> counts = ConfusionCounts(*torch.tensor([2, 0, 2, 2], dtype=torch.float64).view(4, 1, 1))  # perfect
        >>> enhanced_alignment(counts)
        tensor([[1.3333]], dtype=torch.float64)
    """
    n_pixels, n_positive = counts.n_foreground + counts.n_background, counts.tp + counts.fp
    pred_mean, reference_mean = n_positive / n_pixels, counts.n_foreground / n_pixels
    n = torch.stack([counts.tp, counts.fp, counts.fn, counts.tn]).unflatten(0, (2, 2))  # prediction, reference, B, T
    a = torch.stack([1 - pred_mean, -pred_mean])[:, None]
    b = torch.stack([1 - reference_mean, -reference_mean])
    half_alignment = (a * b).div_(a.square() + (b.square() + EPS))
    total = half_alignment.add_(0.5).square_().mul_(n).sum((0, 1))  # (alignment + 1)^2 / 4
    total = torch.where(counts.n_foreground == 0, n_pixels - n_positive, total)
    total = torch.where(counts.n_background == 0, n_positive, total)
    return total / (n_pixels - 1 + EPS)
