"""The figures of the published tables, and those at the fixed threshold 0.5: one row of named values per image."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from infnet_monai.errors import InputError
from infnet_monai.metrics.absolute_error import absolute_errors
from infnet_monai.metrics.counts import N_THRESHOLDS, ConfusionCounts, counts_at, counts_over_thresholds
from infnet_monai.metrics.curves import adaptive_threshold, curves_from_counts
from infnet_monai.metrics.inputs import check_shapes, prepared_pair
from infnet_monai.metrics.structure import PartSums, part_sums, structure_scores
from infnet_monai.metrics.surface import hausdorff_95

CURVES = ("dice", "sensitivity", "specificity", "e_measure")
PAPER_MEASURES = (
    *(f"{kind}_{curve}" for kind in ("mean", "max", "adaptive") for curve in CURVES),
    "s_measure",
    "mae",
)
CLINICAL_MEASURES = ("dice", "sensitivity", "specificity", "precision", "iou", "hd95", "mae")
CLINICAL_THRESHOLD = 0.5
CPU_PIXELS_AT_ONCE = 2**17  # one slice of 352 x 352: the float64 products of more leave the cache

Sums = TypeVar("Sums", ConfusionCounts, PartSums)


class PaperMeasures(NamedTuple):
    """Figures of B slices, both float64.

    Args:
        values: (B, 14), columns as in `PAPER_MEASURES`; ``max_*`` is the maximum of the slice's own curve.
        curves: (B, 4, 256), rows as in `CURVES`, at the thresholds 1, 254/255, ..., 0.
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
        InputError: see `prepared_pair`; also for volumes, since the toolbox measures slices.
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
    # one block for all images: to get and give back memory takes longer than to compute
    block = torch.empty(6, at_once, *pred.shape[1:], dtype=torch.float64, device=pred.device)
    counts, parts = [], []
    for start in range(0, len(pred), at_once):
        some = slice(start, start + at_once)
        pair, scratch = block[:, : len(pred[some])].split([2, 4])
        maps, masks = prepared_pair(pred[some], reference[some], "paper", names[some] if names else None, out=pair)
        parts.append(part_sums(maps, masks, scratch))
        adaptive = counts_at(maps, masks, adaptive_threshold(parts[-1].map_mean()))
        counts.append(counts_over_thresholds(maps, masks).with_thresholds_of(adaptive))
    return _joined(counts), _joined(parts)


def _joined(batches: Sequence[Sums]) -> Sums:
    return type(batches[0])(*(torch.cat(fields) for fields in zip(*batches, strict=True)))


def clinical_measures(
    pred: Tensor,
    reference: Tensor,
    spacing_mm: Sequence[Sequence[float]] | None = None,
    names: Sequence[str] | None = None,
) -> Tensor:
    """What a reader of the label ``pred >= 0.5`` gets, of slices or whole volumes: no scaling, no quirks.

    A quotient 0 / 0 and a distance to an empty surface are undefined: NaN, to be left out of a mean and counted.

    ===========  ================  ===============  ====
    measure      empty prediction  empty reference  both
    ===========  ================  ===============  ====
    dice, iou    0                 0                NaN
    sensitivity  0                 NaN              NaN
    specificity  1                 TN / (TN + FP)   1
    precision    NaN               0                NaN
    hd95         NaN               NaN              NaN
    mae          defined           defined          defined
    ===========  ================  ===============  ====

    The specificity of a full reference is NaN too.

    Args:
        pred: probabilities within [0, 1], (B, 1, H, W) or (B, 1, H, W, D).
        reference: masks of 0 and 1, same shape.
        spacing_mm: pixel or voxel spacing of each image for HD95 in mm; None measures it in pixels.
        names: what to call each case in a message.

    Returns:
        float64, (B, 7), columns as in `CLINICAL_MEASURES`.

    Raises:
        InputError: see `prepared_pair`.

    Example:
        >>> values = clinical_measures(torch.tensor([[[[0.9, 0.6, 0.1, 0.2]]]]), torch.tensor([[[[1, 0, 0, 0]]]]))
        >>> [round(value, 3) for value in values[0].tolist()]  # 1 TP, 1 FP, 2 TN
        [0.667, 1.0, 0.667, 0.5, 0.5, 0.95, 0.25]
    """
    pred, reference = prepared_pair(pred, reference, "clinical", names)
    counts = counts_at(pred, reference, CLINICAL_THRESHOLD)
    overlap = [counts.dice(), counts.sensitivity(), counts.specificity(), counts.precision(), counts.iou()]
    hd95 = hausdorff_95((pred >= CLINICAL_THRESHOLD).to(torch.uint8), reference.to(torch.uint8), spacing_mm)
    return torch.cat([*overlap, hd95[:, None], absolute_errors(pred, reference)[:, None]], dim=1)


def summarise(values: Tensor, names: Sequence[str]) -> dict[str, float]:
    """The mean of each measure over the images where it is defined; NaN where it is nowhere.

    Args:
        values: (N, number of measures).
        names: of the measures.

    Example:
        >>> summarise(torch.tensor([[0.5, 1.0], [torch.nan, 0.0]]), ["dice", "mae"])
        {'dice': 0.5, 'mae': 0.5}
    """
    return dict(zip(names, values.nanmean(0).tolist(), strict=True))


def count_undefined(values: Tensor, names: Sequence[str]) -> dict[str, int]:
    """On how many of the images each measure is undefined; arguments as in `summarise`."""
    return dict(zip(names, values.isnan().sum(0).tolist(), strict=True))
