"""Reading a probability map and the reference it is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Orientation
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from infnet_monai.errors import InputError
from infnet_monai.scans.load import SLICE_AXES, load_scan

__all__ = ["MAP_SUFFIXES", "MapPair", "load_map_pair"]

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
MAP_SUFFIXES = (*PICTURE_SUFFIXES, ".npy", ".nii", ".nii.gz")
AFFINE_TOLERANCE_MM = 1e-3
DEPTHS = (1, 255, 65535)  # largest value of a binary mask, of 8 and of 16 bits


@dataclass(frozen=True)
class MapPair:
    """A probability map and its reference on one grid.

    Attributes:
        pred: Probabilities ``(1, H, W, D)``, float64; a picture has one slice.
        reference: Mask of 0 and 1, same shape, uint8, with its affine.
        resized: Whether the probability map was resized to the reference.
    """

    pred: Tensor
    reference: MetaTensor
    resized: bool

    def slices(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return probability maps and references ``(1, H, W)`` along the last axis."""
        return list(self.pred.unbind(-1)), list(self.reference.unbind(-1))


def load_map_pair(pred_path: Path, reference_path: Path) -> MapPair:
    """Read a probability map and its reference, reorient volumes so that the last axis runs upwards, match their sizes.

    Whole numbers of 0 and 1 only are a binary prediction, in pictures too. Other pictures and whole numbers are grey
    levels and divided by the largest that their file can hold: 255 for 8 bits, 65,535 for 16; files that do not say
    (NIfTI, arrays of other types) by 255 if no value is above. References hold 0 and 1, or 0 and the largest grey
    level; a JPEG, whose outlines are blurred, is binarised at 128. A slice of another size is resized bilinearly, a
    volume on another grid refused. A ``.npy`` array has the orientation and spacing of its partner; the spacing of
    pictures is not known (``meta["spacing_known"]`` is False).

    Args:
        pred_path: PNG, JPEG, NIfTI or NumPy file of the prediction.
        reference_path: PNG, JPEG, NIfTI or NumPy file of the reference.

    Returns:
        Both on the grid of the reference.

    Raises:
        InputError: A file cannot be read or used; the message names it.
    """
    reference = _load(reference_path, mask=True)
    pred = _load(pred_path)
    if reference_path.suffix == ".npy":
        reference.affine = pred.affine
        reference.meta["spacing_known"] = pred.meta.get("spacing_known", True)
    elif pred_path.suffix == ".npy":
        pred.affine = reference.affine
    elif not _is_picture(pred_path) and not _is_picture(reference_path):
        _check_grid(pred, reference, pred_path, reference_path)
    reorient = Orientation(axcodes=SLICE_AXES, labels=None)
    mask: Any = reorient(_binary(reference, reference_path))
    upright: Any = reorient(pred)
    values = _probabilities(upright.as_tensor().to(torch.float64), pred.meta.get("largest"))
    fitted = _fitted(values, tuple(mask.shape), pred_path, reference_path)
    return MapPair(fitted, mask, resized=fitted.shape != values.shape)


def _load(path: Path, mask: bool = False) -> MetaTensor:
    if path.suffix != ".npy":
        volume = load_scan(path, mask=mask)
        if _is_picture(path):
            with Image.open(path) as picture:
                volume.meta["largest"] = 65535 if picture.mode.startswith("I") else 255
        return volume
    try:
        stored = np.load(path, allow_pickle=False)
        dtype, array = str(stored.dtype), stored.astype(np.float64)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: is no NumPy array of numbers ({error}): save it with numpy.save") from error
    while array.ndim > 2 and array.shape[0] == 1:  # batch and channel of a network's output
        array = array[0]
    if array.ndim not in (2, 3):
        raise InputError(
            f"{path}: has shape {array.shape}, expected (H, W) or (H, W, D): save one probability map to a file"
        )
    voxels = torch.from_numpy(array).reshape(1, *array.shape[:2], -1)
    upright = nib.orientations.inv_ornt_aff(nib.orientations.axcodes2ornt(SLICE_AXES), voxels.shape[1:])
    meta = {"spacing_known": False, "largest": {"uint8": 255, "uint16": 65535}.get(dtype)}
    return MetaTensor(voxels, affine=torch.as_tensor(np.linalg.inv(upright)), meta=meta)


def _is_picture(path: Path) -> bool:
    return path.name.lower().endswith(PICTURE_SUFFIXES)


def _check_grid(pred: MetaTensor, reference: MetaTensor, pred_path: Path, reference_path: Path) -> None:
    if pred.shape == reference.shape and not torch.allclose(pred.affine, reference.affine, atol=AFFINE_TOLERANCE_MM):
        raise InputError(f"{pred_path}: its affine differs from that of {reference_path}: resample it to the reference")


def _probabilities(values: Tensor, largest: int | None) -> Tensor:
    """Divide grey levels by the largest that their file can hold; what is binary or no whole number is none."""
    if values.max() <= 1 or not bool((values == values.round()).all()):
        return values
    return values / (largest or (255 if values.max() <= 255 else 65535))


def _binary(volume: Any, path: Path) -> MetaTensor:
    if path.suffix.lower() in (".jpg", ".jpeg"):
        return (volume >= 128).to(torch.uint8)
    values = volume.as_tensor().unique().tolist()
    if not any(set(values) <= {0, top} for top in DEPTHS):
        found = ", ".join(f"{value:g}" for value in values[:6])
        raise InputError(f"{path}: holds the values {found}; expected a mask of 0 and 1, or 0 and 255: binarise it")
    return (volume > 0).to(torch.uint8)


def _fitted(values: Tensor, shape: tuple[int, ...], pred_path: Path, reference_path: Path) -> Tensor:
    if tuple(values.shape) == shape:
        return values
    if values.shape[-1] != 1 or shape[-1] != 1:
        raise InputError(
            f"{pred_path}: has shape {tuple(values.shape[1:])}, its reference {reference_path} {shape[1:]}: "
            "resample the prediction to the reference"
        )
    resized = interpolate(values.movedim(-1, 0), size=shape[1:3], mode="bilinear", align_corners=False)
    return resized.movedim(0, -1).clamp(values.min(), values.max())
