"""Metrics of the published tables, slice by slice."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from infnet_monai.metrics.images import ImagePairs
from infnet_monai.metrics.table import MetricValues, compute_metrics, select_metrics

__all__ = ["paper_metrics"]


def paper_metrics(pred: Tensor, reference: Tensor, names: Sequence[str] | None = None) -> MetricValues:
    r"""Compute the metrics of the published tables, as the MATLAB toolbox of the authors does.

    Each probability map is scaled to :math:`p = (p' - \min p') / (\max p' - \min p')` and binarised at the thresholds
    t = 1, 254/255, ..., 0. ``mean_*`` is the mean and ``max_*`` the maximum of a metric over the 256 thresholds,
    ``adaptive_*`` its value at the threshold :math:`\min(1, 2 \bar p)`; ``s_measure`` and ``mae`` are of the scaled
    probability map itself.

    Nothing is undefined: Dice, sensitivity and specificity are 0 where TP = 0 and where they are 0 / 0. An empty
    reference therefore scores 0 in all three, whatever the prediction; its enhanced alignment is the fraction of
    pixels below the threshold and its structure measure :math:`1 - \bar p`, so that an empty prediction of it scores
    about 1 in both. An empty prediction, scaled, reaches the threshold 0 only.

    Args:
        pred: Probabilities within [0, 1], (B, 1, H, W).
        reference: Masks of 0 and 1, same shape.
        names: What to call each slice in a message.

    Returns:
        Values (B, 14), columns as in ``select_metrics("paper")``, all within [0, 1] but for the enhanced alignment,
        which may exceed 1 by 1 / (H W - 1); and the curves (B, 4, 256), rows as in
        :class:`infnet_monai.metrics.ThresholdCurves`.

    Raises:
        InputError: See :func:`infnet_monai.metrics.inputs.prepared_pair`; also for volumes, since the toolbox measures
            slices.

    Source:
        Fan et al., "Inf-Net: Automatic COVID-19 Lung Infection Segmentation from CT Images", IEEE TMI 2020, and the
        MATLAB toolbox of its authors.

    Example:
        >>> import torch
        >>> found = paper_metrics(torch.tensor([[[[0.0, 0.5]]]]), torch.tensor([[[[0, 1]]]]))
        >>> [round(value, 4) for value in found.values[0, :3].tolist()]  # Dice, sensitivity, specificity
        [0.9987, 1.0, 0.9961]
    """
    return compute_metrics(ImagePairs(pred, reference, names=names), select_metrics("paper"))
