"""The figures of the published tables: one row of named values for each slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from infnet_monai.errors import InputError
from infnet_monai.metrics.counts import N_THRESHOLDS, ConfusionCounts, counts_at, counts_over_thresholds
from infnet_monai.metrics.curves import ThresholdCurves, adaptive_threshold, curves_from_counts
from infnet_monai.metrics.inputs import case_name, check_shapes, prepared_pair
from infnet_monai.metrics.structure import PartSums, part_sums, structure_scores

__all__ = ["PAPER_MEASURES", "PaperMeasures", "paper_measures"]

PAPER_MEASURES = (
    *(f"{kind}_{curve}" for kind in ("mean", "max", "adaptive") for curve in ThresholdCurves._fields),
    "s_measure",
    "mae",
)
CPU_PIXELS_AT_ONCE = 2**17  # one slice of 352 x 352: the float64 products of more leave the cache

Sums = TypeVar("Sums", ConfusionCounts, PartSums)


class PaperMeasures(NamedTuple):
    """Figures of B slices, both float64.

    Args:
        values: (B, 14), columns as in :data:`PAPER_MEASURES`; ``max_*`` is the maximum of the slice's own curve.
        curves: (B, 4, 256), rows as in :class:`ThresholdCurves`, at the thresholds 1, 254/255, ..., 0.
    """

    values: Tensor
    curves: Tensor


def paper_measures(pred: Tensor, reference: Tensor, names: Sequence[str] | None = None) -> PaperMeasures:
    """All figures of the published tables, as the MATLAB toolbox of the authors computes them.

    Each map is scaled by its own minimum and maximum, so the empty map is labelled at threshold 0 only. Nothing is
    undefined: Dice, sensitivity and specificity are 0 where TP = 0 and where they are 0 / 0. An empty reference
    therefore scores 0 in all three, whatever the prediction; its enhanced alignment is the share of pixels not
    labelled and its structure measure 1 - mean(pred), so that an empty prediction of it scores about 1 in both.

    Args:
        pred: probabilities within [0, 1], (B, 1, H, W).
        reference: masks of 0 and 1, same shape.
        names: what to call each case in a message.

    Returns:
        Values and curves of each slice.

    Raises:
        InputError: see :func:`prepared_pair`; also for volumes, since the toolbox measures slices.
    """
    check_shapes(pred, reference, names)
    if pred.ndim != 4:
        raise InputError(
            f"the paper's protocol measures slices (B, 1, H, W), not {tuple(pred.shape)}: unbind the volume"
        )
    with torch.inference_mode():
        counts, parts = _counts_and_parts(pred, reference, names)
        curves, adaptive = torch.stack(curves_from_counts(counts, "paper"), dim=1).split([N_THRESHOLDS, 1], dim=2)
        soft = torch.stack([structure_scores(parts), parts.absolute_error()], dim=1)
        values = torch.cat([curves.mean(2), curves.amax(2), adaptive[:, :, 0], soft], dim=1)
    return PaperMeasures(values.clone(), curves.clone())  # ordinary tensors again


def _counts_and_parts(pred: Tensor, reference: Tensor, names: Sequence[str] | None) -> tuple[ConfusionCounts, PartSums]:
    """All that takes passes over the pixels, a few images at once; the last threshold counted is the adaptive one."""
    at_once = len(pred) if pred.is_cuda else min(len(pred), max(1, CPU_PIXELS_AT_ONCE // pred[0].numel()))
    names = names or [case_name(None, index) for index in range(len(pred))]
    # one block for all images: to get and give back memory takes longer than to compute
    block = torch.empty(4, at_once, *pred.shape[1:], dtype=torch.float64, device=pred.device)
    counts, parts = [], []
    for start in range(0, len(pred), at_once):
        some = slice(start, start + at_once)
        pair, scratch = block[:, : len(pred[some])].split(2)
        maps, masks = prepared_pair(pred[some], reference[some], "paper", names[some], out=pair)
        parts.append(part_sums(maps, masks, scratch))
        adaptive = counts_at(maps, masks, adaptive_threshold(parts[-1].map_mean()), scratch[0])
        counts.append(counts_over_thresholds(maps, masks, scratch[0]).with_thresholds_of(adaptive))
    return _joined(counts), _joined(parts)


def _joined(batches: Sequence[Sums]) -> Sums:
    if len(batches) == 1:
        return batches[0]
    return type(batches[0])(*(torch.cat(fields) for fields in zip(*batches, strict=True)))
