"""Confusion counts at one threshold or at all 256, and the overlap metrics built from them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["N_THRESHOLDS", "ConfusionCounts", "counts_at", "counts_over_thresholds"]

N_THRESHOLDS = 256


class ConfusionCounts(NamedTuple):
    """Pixels (or voxels) counted by binary prediction and reference for B images at T thresholds; all float64.

    The metrics are the plain quotients: 0 / 0 is NaN. What a protocol does with NaN is its own rule.

    Args:
        tp: True positives: foreground predicted as such, (B, T).
        fp: False positives: background predicted as foreground, (B, T).
        n_foreground: Size of the reference's foreground, (B, 1).
        n_background: Size of the reference's background, (B, 1).

    Example:
        >>> counts = ConfusionCounts(*torch.tensor([3, 1, 4, 12], dtype=torch.float64).view(4, 1, 1))
        >>> counts.dice(), counts.specificity()
        (tensor([[0.7500]], dtype=torch.float64), tensor([[0.9167]], dtype=torch.float64))
    """

    tp: Tensor
    fp: Tensor
    n_foreground: Tensor
    n_background: Tensor

    @property
    def fn(self) -> Tensor:
        """False negatives: foreground that was missed, (B, T)."""
        return self.n_foreground - self.tp

    @property
    def tn(self) -> Tensor:
        """True negatives: background predicted as such, (B, T)."""
        return self.n_background - self.fp

    def dice(self) -> Tensor:
        """Compute 2 TP / (2 TP + FP + FN), (B, T) within [0, 1]; NaN where prediction and reference are empty."""
        return 2 * self.tp / (self.tp + self.fp + self.n_foreground)

    def iou(self) -> Tensor:
        """Compute TP / (TP + FP + FN), (B, T) within [0, 1]; NaN where prediction and reference are empty."""
        return self.tp / (self.fp + self.n_foreground)

    def sensitivity(self) -> Tensor:
        """Compute TP / (TP + FN), (B, T) within [0, 1]; NaN where the reference is empty."""
        return self.tp / self.n_foreground

    def specificity(self) -> Tensor:
        """Compute TN / (TN + FP), (B, T) within [0, 1]; NaN where the reference is full."""
        return self.tn / self.n_background

    def precision(self) -> Tensor:
        """Compute TP / (TP + FP), (B, T) within [0, 1]; NaN where the prediction is empty."""
        return self.tp / (self.tp + self.fp)

    def with_thresholds_of(self, other: ConfusionCounts) -> ConfusionCounts:
        """Append the counts of the same images at other thresholds to these."""
        tp, fp = torch.cat([self.tp, other.tp], dim=1), torch.cat([self.fp, other.fp], dim=1)
        return ConfusionCounts(tp, fp, self.n_foreground, self.n_background)


def counts_over_thresholds(pred: Tensor, reference: Tensor, scratch: Tensor | None = None) -> ConfusionCounts:
    """Count ``pred >= t`` for t = 1, 254/255, ..., 0, by two histograms and their cumulative sums.

    In float64 ``floor(255 p)`` is the number k of the highest threshold k/255 that p reaches, exactly: for each of
    the 256 thresholds t, 255 t rounds to k, and 255 times the float64 next below t rounds to less than k; rounding
    is monotone, so every p falls on its own side.

    Args:
        pred: Values within [0, 1], float64, (B, 1, ...).
        reference: Masks of 0 and 1, float64, same shape.
        scratch: Tensor to overwrite, float64 and of the same shape; a new one by default.

    Returns:
        Counts with T = 256.
    """
    n_images = len(pred)
    cell = torch.mul(pred, N_THRESHOLDS - 1, out=scratch).to(torch.int32).flatten(1)
    cell.add_(reference.to(torch.int32).flatten(1), alpha=N_THRESHOLDS)
    cell.add_(torch.arange(n_images, dtype=torch.int32, device=pred.device)[:, None], alpha=2 * N_THRESHOLDS)
    histograms = torch.bincount(cell.flatten(), minlength=n_images * 2 * N_THRESHOLDS)
    at_least = histograms.view(n_images, 2, N_THRESHOLDS).flip(-1).cumsum(-1).to(torch.float64)
    fp, tp = at_least.unbind(1)
    return ConfusionCounts(tp, fp, n_foreground=tp[:, -1:], n_background=fp[:, -1:])


def counts_at(
    pred: Tensor, reference: Tensor, threshold: Tensor | float, scratch: Tensor | None = None
) -> ConfusionCounts:
    """Count ``pred >= threshold``.

    Args:
        pred: Values, float64, (B, 1, ...).
        reference: Masks of 0 and 1, float64, same shape.
        threshold: One threshold for all images, or one for each, (B,).
        scratch: Tensor to overwrite, float64 and of the same shape; a new one by default.

    Returns:
        Counts with T = 1.
    """
    binary = torch.empty_like(pred) if scratch is None else scratch
    pred, reference, binary = pred.flatten(1), reference.flatten(1), binary.flatten(1)
    limit = torch.as_tensor(threshold, dtype=pred.dtype, device=pred.device).reshape(-1, 1)
    torch.ge(pred, limit, out=binary)
    n_positive, n_foreground = binary.sum(1, keepdim=True), reference.sum(1, keepdim=True)
    tp = binary.mul_(reference).sum(1, keepdim=True)
    return ConfusionCounts(tp, n_positive - tp, n_foreground, pred.shape[1] - n_foreground)
