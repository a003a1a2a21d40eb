"""Predictions with their references, and what several metrics need of them, each computed once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from infnet_monai.errors import InputError
from infnet_monai.metrics.absolute_error import absolute_errors
from infnet_monai.metrics.counts import N_THRESHOLDS, ConfusionCounts, counts_at, counts_over_thresholds
from infnet_monai.metrics.curves import ThresholdCurves, adaptive_threshold, curves_from_counts
from infnet_monai.metrics.inputs import case_name, check_shapes, prepared_pair
from infnet_monai.metrics.structure import PartSums, part_sums
from infnet_monai.metrics.surface import hausdorff_95

__all__ = ["CLINICAL_THRESHOLD", "ImagePairs", "Spacing"]

CLINICAL_THRESHOLD = 0.5
CPU_PIXELS_AT_ONCE = 2**17  # one slice of 352 x 352: the float64 products of more leave the cache

Spacing = Sequence[float] | None
Sums = TypeVar("Sums", ConfusionCounts, PartSums)


class ImagePairs:
    """B predictions and their references, and what several metrics need of them.

    Whatever a metric asks for is computed at the first time and kept, so that the confusion counts over 256
    thresholds, the sums over parts and the surfaces are each computed once, however many metrics use them.

    Args:
        pred: Probabilities within [0, 1], (B, 1, H, W) or (B, 1, H, W, D).
        reference: Masks of 0 and 1, same shape.
        spacing_mm: Spacing of the pixels or voxels of each image in mm, None for an image whose spacing is not known;
            None for all images without spacing.
        names: What to call each image in a message.

    Raises:
        InputError: Shapes differ or are others; what else is wrong shows when the first metric is computed, see
            :func:`infnet_monai.metrics.inputs.prepared_pair`.

    Example:
        >>> images = ImagePairs(torch.tensor([[[[0.9, 0.6, 0.1, 0.2]]]]), torch.tensor([[[[1, 0, 0, 0]]]]))
        >>> images.counts.tp, images.counts.fp
        (tensor([[1.]], dtype=torch.float64), tensor([[1.]], dtype=torch.float64))
    """

    def __init__(
        self,
        pred: Tensor,
        reference: Tensor,
        spacing_mm: Sequence[Spacing] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        check_shapes(pred, reference, names)
        self.pred = pred
        self.reference = reference
        self.spacing_mm: Sequence[Spacing] = [None] * len(pred) if spacing_mm is None else spacing_mm
        self.names = names

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.pred)

    @cached_property
    def pair(self) -> tuple[Tensor, Tensor]:
        """Predictions as they are and references, both float64 and checked, shapes as given."""
        return prepared_pair(self.pred, self.reference, "clinical", self.names)

    @cached_property
    def scaled_pair(self) -> tuple[Tensor, Tensor]:
        """Predictions scaled by their own minimum and maximum and references, both float64, shapes as given."""
        return prepared_pair(self.pred, self.reference, "paper", self.names)

    @cached_property
    def counts(self) -> ConfusionCounts:
        """Confusion counts of the prediction as it is, binarised at 0.5; T = 1."""
        return counts_at(*self.pair, CLINICAL_THRESHOLD)

    @cached_property
    def absolute_error(self) -> Tensor:
        """Mean absolute error of the prediction as it is, (B,)."""
        return absolute_errors(*self.pair)

    @cached_property
    def hd95_mm(self) -> Tensor:
        """95th percentile of the distances between the surfaces at 0.5 in mm, (B,); NaN without a known spacing."""
        pred, reference = self.pair
        distances = torch.full((len(self),), torch.nan, dtype=torch.float64, device=pred.device)
        binary, reference = (pred >= CLINICAL_THRESHOLD).to(torch.uint8), reference.to(torch.uint8)
        for index, spacing in enumerate(self.spacing_mm):
            if spacing is not None:
                here = slice(index, index + 1)
                distances[here] = hausdorff_95(binary[here], reference[here], [spacing])
        return distances

    @property
    def curves(self) -> ThresholdCurves:
        """Curves of the scaled prediction over 256 thresholds, each (B, 256); slices only."""
        return self._curves[0]

    @property
    def means(self) -> ThresholdCurves:
        """Mean of each curve over its thresholds, each (B,); slices only."""
        return self._curves[2]

    @property
    def adaptive(self) -> ThresholdCurves:
        """The same four metrics at twice the mean of the scaled prediction, each (B,); slices only."""
        return self._curves[1]

    @property
    def parts(self) -> PartSums:
        """Sums of the scaled prediction over the four parts around the reference's centroid; slices only."""
        return self._sums[1]

    @cached_property
    def _curves(self) -> tuple[ThresholdCurves, ThresholdCurves, ThresholdCurves]:
        both = torch.stack(curves_from_counts(self._sums[0], "paper"), dim=1)
        curves, adaptive = both[:, :, :N_THRESHOLDS], both[:, :, N_THRESHOLDS]
        return (
            ThresholdCurves(*curves.unbind(1)),
            ThresholdCurves(*adaptive.unbind(1)),
            ThresholdCurves(*curves.mean(2).unbind(1)),
        )

    @cached_property
    def _sums(self) -> tuple[ConfusionCounts, PartSums]:
        """Pass over the scaled pixels, a few images at once; the last threshold counted is the adaptive one."""
        pred, reference, names = self.pred, self.reference, self.names
        if pred.ndim != 4:
            raise InputError(
                f"{case_name(names, 0)}: the paper's protocol measures slices (B, 1, H, W), not {tuple(pred.shape)}: "
                "unbind the volume"
            )
        at_once = len(pred) if pred.is_cuda else min(len(pred), max(1, CPU_PIXELS_AT_ONCE // pred[0].numel()))
        names = names or [case_name(None, index) for index in range(len(pred))]
        # one block for all images: to get and give back memory takes longer than to compute
        block = torch.empty(4, at_once, *pred.shape[1:], dtype=torch.float64, device=pred.device)
        counts, parts = [], []
        for start in range(0, len(pred), at_once):
            some = slice(start, start + at_once)
            pair, scratch = block[:, : len(pred[some])].split(2)
            scaled, masks = prepared_pair(pred[some], reference[some], "paper", names[some], out=pair)
            parts.append(part_sums(scaled, masks, scratch))
            adaptive = counts_at(scaled, masks, adaptive_threshold(parts[-1].pred_mean()), scratch[0])
            counts.append(counts_over_thresholds(scaled, masks, scratch[0]).with_thresholds_of(adaptive))
        return _joined(counts), _joined(parts)


def _joined(batches: Sequence[Sums]) -> Sums:
    if len(batches) == 1:
        return batches[0]
    return type(batches[0])(*(torch.cat(fields) for fields in zip(*batches, strict=True)))
