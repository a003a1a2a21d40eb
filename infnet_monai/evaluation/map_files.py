"""Reading a probability map and the mask it is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Orientation
from torch import Tensor
from torch.nn.functional import interpolate

from infnet_monai.errors import InputError
from infnet_monai.transforms.load import SLICE_AXES, load_scan

__all__ = ["MAP_SUFFIXES", "MapPair", "load_map_pair"]

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
MAP_SUFFIXES = (*PICTURE_SUFFIXES, ".npy", ".nii", ".nii.gz")
AFFINE_TOLERANCE_MM = 1e-3


@dataclass(frozen=True)
class MapPair:
    """A map and its reference on one grid.

    Attributes:
        pred: Probabilities ``(1, H, W, D)``, float64; a picture has one slice.
        reference: Mask of 0 and 1, same shape, uint8, with its affine.
        resized: Whether the map was brought to the size of the reference.
    """

    pred: Tensor
    reference: MetaTensor
    resized: bool

    def slices(self) -> tuple[list[Tensor], list[Tensor]]:
        """Maps and references ``(1, H, W)`` along the last axis."""
        return list(self.pred.unbind(-1)), list(self.reference.unbind(-1))


def load_map_pair(pred_path: Path, reference_path: Path) -> MapPair:
    """Read a map and its mask, turn volumes so that the last axis runs upwards, and fit the map to the mask.

    Pictures and whole numbers above 1 are taken as grey levels and divided by 255 (65,535 if above 255). Masks hold
    0 and 1 or 0 and the largest grey level; a JPEG mask, whose outlines are blurred, is cut at 128. A slice of another
    size is resized bilinearly, a volume on another grid refused. A ``.npy`` array lies as its partner does.

    Args:
        pred_path: Of a PNG, JPEG, NIfTI or NumPy file.
        reference_path: Likewise.

    Returns:
        The pair.

    Raises:
        InputError: A file cannot be read or used; the message names it.
    """
    reference = _load(reference_path)
    pred = _load(pred_path)
    if reference_path.suffix == ".npy":
        reference.affine = pred.affine
    elif pred_path.suffix == ".npy":
        pred.affine = reference.affine
    elif not _is_picture(pred_path) and not _is_picture(reference_path):
        _check_grid(pred, reference, pred_path, reference_path)
    turn = Orientation(axcodes=SLICE_AXES, labels=None)
    mask: Any = turn(_binary(reference, reference_path))
    upright: Any = turn(pred)
    values = _probabilities(upright.as_tensor().to(torch.float64), pred_path)
    fitted = _fitted(values, tuple(mask.shape), pred_path, reference_path)
    return MapPair(fitted, mask, resized=fitted.shape != values.shape)


def _load(path: Path) -> MetaTensor:
    if path.suffix != ".npy":
        return load_scan(path)
    try:
        array = np.load(path, allow_pickle=False).astype(np.float64)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: is no NumPy array of numbers ({error}): save it with numpy.save") from error
    while array.ndim > 2 and array.shape[0] == 1:  # batch and channel of a network's output
        array = array[0]
    if array.ndim not in (2, 3):
        raise InputError(f"{path}: has shape {array.shape}, expected (H, W) or (H, W, D): save one map to a file")
    volume = torch.from_numpy(array).reshape(1, *array.shape[:2], -1)
    upright = nib.orientations.inv_ornt_aff(nib.orientations.axcodes2ornt(SLICE_AXES), volume.shape[1:])
    return MetaTensor(volume, affine=torch.as_tensor(np.linalg.inv(upright)))


def _is_picture(path: Path) -> bool:
    return path.name.lower().endswith(PICTURE_SUFFIXES)


def _check_grid(pred: MetaTensor, reference: MetaTensor, pred_path: Path, reference_path: Path) -> None:
    if pred.shape == reference.shape and not torch.allclose(pred.affine, reference.affine, atol=AFFINE_TOLERANCE_MM):
        raise InputError(f"{pred_path}: its affine differs from that of {reference_path}: resample it to the mask")


def _probabilities(values: Tensor, path: Path) -> Tensor:
    is_grey = values.max() > 1 and bool((values == values.round()).all())
    if not is_grey and not _is_picture(path):
        return values
    return values / (255 if values.max() <= 255 else 65535)


def _binary(volume: Any, path: Path) -> MetaTensor:
    if path.suffix.lower() in (".jpg", ".jpeg"):
        return (volume >= 128).to(torch.uint8)
    values = volume.as_tensor().unique().tolist()
    if not any(set(values) <= {0, top} for top in (1, 255, 65535)):
        found = ", ".join(f"{value:g}" for value in values[:6])
        raise InputError(f"{path}: holds the values {found}; expected a mask of 0 and 1, or 0 and 255: binarise it")
    return (volume > 0).to(torch.uint8)


def _fitted(values: Tensor, shape: tuple[int, ...], pred_path: Path, reference_path: Path) -> Tensor:
    if tuple(values.shape) == shape:
        return values
    if values.shape[-1] != 1 or shape[-1] != 1:
        raise InputError(
            f"{pred_path}: has shape {tuple(values.shape[1:])}, its mask {reference_path} {shape[1:]}: "
            "resample the map to the mask"
        )
    resized = interpolate(values.movedim(-1, 0), size=shape[1:3], mode="bilinear", align_corners=False)
    return resized.movedim(0, -1).clamp(values.min(), values.max())
