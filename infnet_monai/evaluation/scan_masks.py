"""Reading the masks of one scan: prediction, reference and lungs on one grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from monai.data import MetaTensor
from torch import Tensor

from infnet_monai.errors import InputError
from infnet_monai.evaluation.scan_cases import ScanCase
from infnet_monai.scans.load import load_upright
from infnet_monai.transforms.mask import LesionMaskd

__all__ = ["LabelValues", "ScanMasks", "load_scan_masks"]

GRID_TOLERANCE = 0.05  # of the smallest side of a voxel, at the corners of the volume: headers hold float32


@dataclass(frozen=True)
class LabelValues:
    """Values of the reference masks, as in :class:`infnet_monai.transforms.LesionMaskd`.

    Attributes:
        lesion: Values that mean lesion; empty for 1, 2 and 255.
        background: Values beside 0 that are legal but no lesion.
    """

    lesion: tuple[int, ...] = ()
    background: tuple[int, ...] = ()


@dataclass(frozen=True)
class ScanMasks:
    """Masks of one scan, reoriented so that its slices are upright and run upwards.

    Attributes:
        prediction: Predicted lesions ``(H, W, D)``, bool.
        reference: Lesions of the reference, same shape; empty where the scan is known to be free of lesions.
        lungs: Both lungs, same shape; ``None`` where there is no lung mask or an empty one.
        affine: Voxel index to mm in RAS+, (4, 4), float64.
    """

    prediction: Tensor
    reference: Tensor
    lungs: Tensor | None
    affine: Tensor


def load_scan_masks(case: ScanCase, labels: LabelValues | None = None) -> ScanMasks:
    """Read the masks of a scan.

    A prediction holds 0 and, for lesions, 1, 2 or 255; in a lung mask every value above 0 is lung.

    Args:
        case: Files of the scan.
        labels: Values of the reference.

    Returns:
        The masks.

    Raises:
        InputError: A file cannot be read, holds other values, is on another grid than the prediction, or shows lesions
            although the scan is named as free of them; the message names it.
    """
    predicted = load_upright(case.prediction, mask=True)
    prediction = _lesions(predicted, LabelValues())
    reference = torch.zeros_like(prediction)
    if case.reference is not None:
        volume = load_upright(case.reference, mask=True)
        _check_grid(predicted, case.prediction, volume, case.reference)
        reference = _lesions(volume, labels or LabelValues())
        if case.lesion_free and bool(reference.any()):
            raise InputError(
                f"{case.reference}: holds {int(reference.sum())} voxels of lesion, but --lesion-free names the scan: "
                "correct one of them"
            )
    lungs = None
    if case.lungs is not None:
        volume = load_upright(case.lungs, mask=True)
        _check_grid(predicted, case.prediction, volume, case.lungs)
        lungs = volume.as_tensor()[0] > 0
    has_lungs = lungs is not None and bool(lungs.any())
    return ScanMasks(prediction, reference, lungs if has_lungs else None, predicted.affine.to(torch.float64))


def _lesions(volume: MetaTensor, labels: LabelValues) -> Tensor:
    to_mask = LesionMaskd("label", labels.lesion or None, labels.background)
    return torch.as_tensor(to_mask({"label": volume})["label"]).as_subclass(Tensor)[0].bool()


def _check_grid(volume: MetaTensor, path: Path, other: MetaTensor, other_path: Path) -> None:
    """Raise an InputError where two volumes, both reoriented alike, have their voxels in different places."""
    shapes = tuple(volume.shape[1:]), tuple(other.shape[1:])
    if shapes[0] != shapes[1]:
        raise InputError(
            f"{path}: has shape {shapes[0]} (rows, columns, slices), but {other_path} {shapes[1]}: resample one of "
            "them to the other's grid"
        )
    affines = [image.affine.to(torch.float64) for image in (volume, other)]
    corners = torch.tensor([*product(*((0, size - 1) for size in shapes[0]))], dtype=torch.float64)
    at = [corners @ affine[:3, :3].T + affine[:3, 3] for affine in affines]
    off_mm = float((at[0] - at[1]).norm(dim=1).max())
    side_mm = min(float(affine[:3, :3].norm(dim=0).min()) for affine in affines)
    if off_mm > GRID_TOLERANCE * side_mm:
        raise InputError(
            f"{path}: its affine differs from that of {other_path}, by up to {off_mm:.3g} mm: resample one of them to "
            "the other's grid, or copy the affine if only the header is wrong"
        )
