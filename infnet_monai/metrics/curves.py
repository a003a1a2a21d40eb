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
    "adaptive_measures",
    "adaptive_threshold",
    "curves_from_counts",
    "enhanced_alignment",
    "threshold_curves",
]

EPS = torch.finfo(torch.float64).eps  # MATLAB's eps


class ThresholdCurves(NamedTuple):
    """Four measures of B maps at T thresholds, each float64 (B, T)."""

    dice: Tensor
    sensitivity: Tensor
    specificity: Tensor
    e_measure: Tensor


def threshold_curves(
    pred: Tensor, reference: Tensor, protocol: Protocol = "paper", names: Sequence[str] | None = None
) -> ThresholdCurves:
    """The four measures of ``pred >= t`` at t = 1, 254/255, ..., 0.

    Args:
        pred: probabilities within [0, 1], (B, 1, H, W) or (B, 1, H, W, D).
        reference: masks of 0 and 1, same shape.
        protocol: ``"paper"`` scales each map by its minimum and maximum and sets Dice, sensitivity and specificity
            to 0 where TP = 0 or where they are 0 / 0; ``"clinical"`` does neither and leaves 0 / 0 as NaN.
        names: what to call each case in a message.

    Returns:
        Curves with T = 256 in the order of the thresholds above.

    Raises:
        InputError: see :func:`prepared_pair`.

    Example:
        >>> reference = torch.tensor([[[[0, 1]]]])
        >>> curves = threshold_curves(torch.tensor([[[[0.0, 1.0]]]]), reference)
        >>> curves.dice[0, [0, -1]]
        tensor([1.0000, 0.6667], dtype=torch.float64)
    """
    pred, mask = prepared_pair(pred, reference, protocol, names)
    return curves_from_counts(counts_over_thresholds(pred, mask), protocol)


def adaptive_measures(
    pred: Tensor, reference: Tensor, protocol: Protocol = "paper", names: Sequence[str] | None = None
) -> ThresholdCurves:
    """The four measures at twice the map's mean (at most 1), T = 1; arguments as in :func:`threshold_curves`."""
    pred, mask = prepared_pair(pred, reference, protocol, names)
    return curves_from_counts(counts_at(pred, mask, adaptive_threshold(pred.flatten(1).mean(1))), protocol)


def adaptive_threshold(mean: Tensor) -> Tensor:
    """Twice the map's mean, at most 1."""
    return (2 * mean).clamp(max=1)


def curves_from_counts(counts: ConfusionCounts, protocol: Protocol) -> ThresholdCurves:
    """The four measures of counts; ``"paper"`` sets the first three to 0 where TP = 0 or where they are 0 / 0."""
    dice, sensitivity, specificity = counts.dice(), counts.sensitivity(), counts.specificity()
    if protocol == "paper":
        missed = counts.tp == 0
        dice, sensitivity = dice.masked_fill(missed, 0), sensitivity.masked_fill(missed, 0)
        specificity = specificity.masked_fill(missed | (counts.n_background == 0), 0)
    return ThresholdCurves(dice, sensitivity, specificity, enhanced_alignment(counts))


def enhanced_alignment(counts: ConfusionCounts) -> Tensor:
    """Enhanced-alignment measure of binary labels, from their counts.

    With a = label - mean(label), b = reference - mean(reference) and the alignment 2ab / (a^2 + b^2), the score is
    the sum of (alignment + 1)^2 / 4 over the N pixels, divided by N - 1. Only four pairs (a, b) occur, so four counts
    suffice. For an empty reference the score is the share of empty label, for a full one that of full label.

    Args:
        counts: of B images at T thresholds.

    Returns:
        float64, (B, T); may exceed 1 by 1 / (N - 1).

    Source:
        Fan et al., "Enhanced-alignment Measure for Binary Foreground Map Evaluation", IJCAI 2018, as computed by the
        MATLAB toolbox of the Inf-Net authors.
    """
    n_pixels, n_labelled = counts.n_foreground + counts.n_background, counts.tp + counts.fp
    label_mean, reference_mean = n_labelled / n_pixels, counts.n_foreground / n_pixels
    n = torch.stack([counts.tp, counts.fp, counts.fn, counts.tn]).unflatten(0, (2, 2))  # label, reference, B, T
    a = torch.stack([1 - label_mean, -label_mean])[:, None]
    b = torch.stack([1 - reference_mean, -reference_mean])
    half_alignment = (a * b).div_(a.square() + (b.square() + EPS))
    total = half_alignment.add_(0.5).square_().mul_(n).sum((0, 1))  # (alignment + 1)^2 / 4
    total = torch.where(counts.n_foreground == 0, n_pixels - n_labelled, total)
    total = torch.where(counts.n_background == 0, n_labelled, total)
    return total / (n_pixels - 1 + EPS)
