"""Metrics of one whole scan, all of its slices: overlap, volumes in ml, and fractions of the lungs."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import torch
from torch import Tensor

from infnet_monai.evaluation.scan_masks import ScanMasks
from infnet_monai.metrics.counts import ConfusionCounts
from infnet_monai.metrics.surface import hausdorff_95

__all__ = ["ScanMetrics", "measure_scan"]

SHEAR_TOLERANCE = 1e-3  # cosine of the angle between two axes: distances along them are then right to 0.1 %


@dataclass(frozen=True)
class ScanMetrics:
    """Metrics of one scan; what is undefined is NaN.

    With the voxels of the whole scan counted as TP, FP and FN, P the prediction, R the reference and L the lungs:

    Attributes:
        dice: 2 TP / (2 TP + FP + FN); undefined where both masks are empty.
        lesion_slice_dice: Mean of the Dice of those slices whose reference holds a lesion; undefined without one.
        sensitivity: TP / (TP + FN); undefined without a lesion.
        precision: TP / (TP + FP); undefined for an empty prediction.
        hd95_mm: 95th percentile of the surface distances in mm, see :func:`infnet_monai.metrics.hausdorff_95`;
            undefined where a mask is empty or the grid is sheared.
        reference_ml: Volume of R.
        predicted_ml: Volume of P.
        volume_error_ml: Volume of P less that of R.
        absolute_error_ml: Size of ``volume_error_ml``.
        relative_error_percent: ``volume_error_ml`` in % of the volume of R; undefined without a lesion.
        false_positive_ml: Volume of FP.
        lesion_free_slices_false_positive_ml: Volume of FP in slices whose reference holds no lesion.
        false_negative_ml: Volume of FN.
        lung_ml: Volume of the lungs with the lesions of R in them, L united with R; undefined without lungs.
        reference_percent_of_lung: Volume of R in % of ``lung_ml``; undefined without lungs.
        predicted_percent_of_lung: Volume of P in % of ``lung_ml``; undefined without lungs.
        percent_of_lung_error: ``predicted_percent_of_lung`` less ``reference_percent_of_lung``.
        percent_of_lung_absolute_error: Size of ``percent_of_lung_error``.
        slices: Number of slices.
        lesion_slices: Number of slices whose reference holds a lesion.
        row_mm: Distance of a slice's rows.
        column_mm: Distance of a slice's columns.
        slice_mm: Distance of the slices.
    """

    dice: float
    lesion_slice_dice: float
    sensitivity: float
    precision: float
    hd95_mm: float
    reference_ml: float
    predicted_ml: float
    volume_error_ml: float
    absolute_error_ml: float
    relative_error_percent: float
    false_positive_ml: float
    lesion_free_slices_false_positive_ml: float
    false_negative_ml: float
    lung_ml: float
    reference_percent_of_lung: float
    predicted_percent_of_lung: float
    percent_of_lung_error: float
    percent_of_lung_absolute_error: float
    slices: int
    lesion_slices: int
    row_mm: float
    column_mm: float
    slice_mm: float


def measure_scan(masks: ScanMasks) -> ScanMetrics:
    """Measure a scan.

    The volume of a voxel is the determinant of the affine, also where the grid is oblique or sheared.

    Args:
        masks: Masks of the scan.

    Returns:
        The metrics.
    """
    counts = _slice_counts(masks.prediction, masks.reference)
    scan = ConfusionCounts(*(part.sum(0, keepdim=True) for part in counts))
    ml = float(torch.linalg.det(masks.affine[:3, :3]).abs()) / 1000
    has_lesion = counts.n_foreground[:, 0] > 0
    reference, predicted = float(scan.n_foreground), float(scan.tp + scan.fp)
    lungs = nan if masks.lungs is None else float((masks.lungs | masks.reference).sum())
    percent_error = 100 * (predicted - reference) / lungs
    spacing = masks.affine[:3, :3].norm(dim=0).tolist()
    return ScanMetrics(
        dice=float(scan.dice()),
        lesion_slice_dice=float(counts.dice()[has_lesion].mean()),
        sensitivity=float(scan.sensitivity()),
        precision=float(scan.precision()),
        hd95_mm=_hd95(masks, spacing),
        reference_ml=reference * ml,
        predicted_ml=predicted * ml,
        volume_error_ml=(predicted - reference) * ml,
        absolute_error_ml=abs(predicted - reference) * ml,
        relative_error_percent=100 * (predicted - reference) / reference if reference else nan,
        false_positive_ml=float(scan.fp) * ml,
        lesion_free_slices_false_positive_ml=float(counts.fp[~has_lesion].sum()) * ml,
        false_negative_ml=float(scan.fn) * ml,
        lung_ml=lungs * ml,
        reference_percent_of_lung=100 * reference / lungs,
        predicted_percent_of_lung=100 * predicted / lungs,
        percent_of_lung_error=percent_error,
        percent_of_lung_absolute_error=abs(percent_error),
        slices=len(has_lesion),
        lesion_slices=int(has_lesion.sum()),
        row_mm=spacing[0],
        column_mm=spacing[1],
        slice_mm=spacing[2],
    )


def _slice_counts(prediction: Tensor, reference: Tensor) -> ConfusionCounts:
    """Count the pixels of each of the D slices; (D, 1)."""
    tp, positive, foreground = (
        mask.sum(dim=(0, 1)).to(torch.float64)[:, None] for mask in (prediction & reference, prediction, reference)
    )
    return ConfusionCounts(tp, positive - tp, foreground, prediction[..., 0].numel() - foreground)


def _hd95(masks: ScanMasks, spacing: list[float]) -> float:
    """Compute the HD95 within the box of both masks, which holds both surfaces."""
    axes = masks.affine[:3, :3] / torch.tensor(spacing, dtype=torch.float64)
    is_sheared = not torch.allclose(axes.T @ axes, torch.eye(3, dtype=torch.float64), atol=SHEAR_TOLERANCE)
    either = (masks.prediction | masks.reference).nonzero()
    if is_sheared or not len(either):
        return nan
    # one voxel of margin, so that a surface at the side of the box stays a surface
    box = tuple(slice(max(0, int(low) - 1), int(high) + 2) for low, high in zip(*either.aminmax(dim=0), strict=True))
    prediction, reference = (mask[box].to(torch.uint8)[None, None] for mask in (masks.prediction, masks.reference))
    return float(hausdorff_95(prediction, reference, spacing_mm=[spacing]))
