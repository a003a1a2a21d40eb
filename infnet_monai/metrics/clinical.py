"""The figures of the label at 0.5: one row of named values for each slice or volume."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from infnet_monai.metrics.absolute_error import absolute_errors
from infnet_monai.metrics.counts import counts_at
from infnet_monai.metrics.inputs import prepared_pair
from infnet_monai.metrics.surface import hausdorff_95

__all__ = ["CLINICAL_MEASURES", "clinical_measures"]

CLINICAL_MEASURES = ("dice", "sensitivity", "specificity", "precision", "iou", "hd95", "mae")
CLINICAL_THRESHOLD = 0.5


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
        float64, (B, 7), columns as in :data:`CLINICAL_MEASURES`.

    Raises:
        InputError: see :func:`prepared_pair`.

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
