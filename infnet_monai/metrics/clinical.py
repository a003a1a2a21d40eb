"""Metrics of the prediction binarised at 0.5, of slices or whole volumes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from infnet_monai.metrics.images import ImagePairs, Spacing
from infnet_monai.metrics.table import compute_metrics, select_metrics

__all__ = ["clinical_metrics"]


def clinical_metrics(
    pred: Tensor,
    reference: Tensor,
    spacing_mm: Sequence[Spacing] | None = None,
    names: Sequence[str] | None = None,
) -> Tensor:
    """Compute metrics of the prediction binarised at 0.5, per slice or per volume, without min-max normalisation.

    With the counts of the binary prediction ``pred >= 0.5``: Dice 2TP / (2TP + FP + FN), sensitivity TP / (TP + FN),
    specificity TN / (TN + FP), precision TP / (TP + FP), IoU TP / (TP + FP + FN); HD95 is
    :func:`infnet_monai.metrics.hausdorff_95` in mm, MAE the mean of ``|pred - reference|`` before binarisation.

    A quotient 0 / 0 and a distance to an empty surface are undefined: NaN, to be left out of a mean and counted.

    ===========  ================  ===============  ====
    metric       empty prediction  empty reference  both
    ===========  ================  ===============  ====
    dice, iou    0                 0                NaN
    sensitivity  0                 NaN              NaN
    specificity  1                 TN / (TN + FP)   1
    precision    NaN               0                NaN
    hd95_mm      NaN               NaN              NaN
    mae          defined           defined          defined
    ===========  ================  ===============  ====

    The specificity of a full reference is NaN too, and so is HD95 where the spacing is not known.

    Args:
        pred: Probabilities within [0, 1], (B, 1, H, W) or (B, 1, H, W, D).
        reference: Masks of 0 and 1, same shape.
        spacing_mm: Spacing of the pixels or voxels of each image in mm; None where it is not known.
        names: What to call each image in a message.

    Returns:
        float64, (B, 7), columns as in ``select_metrics("clinical")``; all within [0, 1], but HD95 is at least 0 mm.

    Raises:
        InputError: See :func:`infnet_monai.metrics.inputs.prepared_pair`.

    Example:
        >>> import torch
        >>> pred, reference = torch.tensor([[[[0.9, 0.6, 0.1, 0.2]]]]), torch.tensor([[[[1, 0, 0, 0]]]])
        >>> values = clinical_metrics(pred, reference, spacing_mm=[(1.0, 2.0)])
        >>> [round(value, 3) for value in values[0].tolist()]  # 1 TP, 1 FP, 2 TN
        [0.667, 1.0, 0.667, 0.5, 0.5, 1.9, 0.25]
    """
    return compute_metrics(ImagePairs(pred, reference, spacing_mm, names), select_metrics("clinical")).values
