"""Confusion counts at one threshold or at all 256, and the overlap measures made of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["N_THRESHOLDS", "ConfusionCounts", "counts_at", "counts_over_thresholds"]

N_THRESHOLDS = 256


class ConfusionCounts(NamedTuple):
    """Pixels (or voxels) counted by label and reference for B images at T thresholds; all float64.

    The measures are the plain quotients: 0 / 0 is NaN. What a protocol makes of that is its own affair.

    Args:
        tp: labelled foreground, (B, T).
        fp: labelled background, (B, T).
        n_foreground: size of the reference's foreground, (B, 1).
        n_background: size of the reference's background, (B, 1).

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
        """Foreground left out, (B, T)."""
        return self.n_foreground - self.tp

    @property
    def tn(self) -> Tensor:
        """Background left out, (B, T)."""
        return self.n_background - self.fp

    def dice(self) -> Tensor:
        """2 TP / (2 TP + FP + FN); undefined where label and reference are empty."""
        return 2 * self.tp / (self.tp + self.fp + self.n_foreground)

    def iou(self) -> Tensor:
        """TP / (TP + FP + FN); undefined where label and reference are empty."""
        return self.tp / (self.fp + self.n_foreground)

    def sensitivity(self) -> Tensor:
        """TP / (TP + FN); undefined where the reference is empty."""
        return self.tp / self.n_foreground

    def specificity(self) -> Tensor:
        """TN / (TN + FP); undefined where the reference is full."""
        return self.tn / self.n_background

    def precision(self) -> Tensor:
        """TP / (TP + FP); undefined where the label is empty."""
        return self.tp / (self.tp + self.fp)

    def with_thresholds_of(self, other: ConfusionCounts) -> ConfusionCounts:
        """These counts followed by those of the same images at other thresholds."""
        tp, fp = torch.cat([self.tp, other.tp], dim=1), torch.cat([self.fp, other.fp], dim=1)
        return ConfusionCounts(tp, fp, self.n_foreground, self.n_background)


def counts_over_thresholds(pred: Tensor, reference: Tensor, scratch: Tensor | None = None) -> ConfusionCounts:
    """Counts of ``pred >= t`` for t = 1, 254/255, ..., 0, from two histograms and their cumulative sums.

    In float64 ``floor(255 p)`` is the number k of the highest threshold k/255 that p reaches, exactly: for each of
    the 256 thresholds t, 255 t rounds to k, and 255 times the float64 next below t rounds to less than k; rounding
    is monotone, so every p falls on its own side.

    Args:
        pred: values within [0, 1], float64, (B, 1, ...).
        reference: 0 and 1, float64, same shape.
        scratch: float64, same shape, to overwrite; new if None.

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
    """Counts of ``pred >= threshold``.

    Args:
        pred: float64, (B, 1, ...).
        reference: 0 and 1, float64, same shape.
        threshold: one for all images, or one for each, (B,).
        scratch: float64, same shape, to overwrite; new if None.

    Returns:
        Counts with T = 1.
    """
    label = torch.empty_like(pred) if scratch is None else scratch
    pred, reference, label = pred.flatten(1), reference.flatten(1), label.flatten(1)
    limit = torch.as_tensor(threshold, dtype=pred.dtype, device=pred.device).reshape(-1, 1)
    torch.ge(pred, limit, out=label)
    n_labelled, n_foreground = label.sum(1, keepdim=True), reference.sum(1, keepdim=True)
    tp = label.mul_(reference).sum(1, keepdim=True)
    return ConfusionCounts(tp, n_labelled - tp, n_foreground, pred.shape[1] - n_foreground)
