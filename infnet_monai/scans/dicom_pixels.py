"""The voxels of a DICOM series on the grid that its header describes."""

from __future__ import annotations

from typing import Any

import itk
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from infnet_monai.scans.dicom_geometry import is_even
from infnet_monai.scans.source import ScanSource

__all__ = ["grid_planes_mm", "is_interpolated", "read_voxels"]

COLUMNS_AT_ONCE = 32
CONTIGUOUS = torch.contiguous_format


def grid_planes_mm(source: ScanSource) -> NDArray[np.float64]:
    """Return the positions along the normal of the planes that a DICOM series is read on.

    Args:
        source: DICOM series with its header.
    """
    positions, shape = source.header.positions_mm, source.header.shape
    if not positions or shape is None:
        raise ValueError(f"{source.title}: the header has no positions")
    return np.linspace(positions[0], positions[-1], shape[2])


def is_interpolated(source: ScanSource) -> bool:
    """Whether some planes of the scan are interpolated, since slices are missing or unevenly spaced.

    Args:
        source: DICOM series with its header.
    """
    return not is_even(np.array(source.header.positions_mm), len(grid_planes_mm(source)))


def read_voxels(source: ScanSource) -> Tensor:
    """Read the pixels of a DICOM series, rescaled file by file, and interpolate missing planes linearly.

    Args:
        source: DICOM series with its header; its problems are not looked at.

    Returns:
        Tensor ``(X, Y, Z)``, float32, contiguous, of the shape and on the affine of the header.

    Raises:
        RuntimeError: ITK cannot read a file, or the files have changed since their headers were read.
    """
    slices = _read_slices(source)
    columns, rows, _ = source.header.shape or (0, 0, 0)
    if slices.shape != (len(source.header.positions_mm), rows, columns):
        raise RuntimeError(f"{slices.shape} values do not fit the headers of {len(source.files)} files")
    if is_interpolated(source):
        return _interpolate(slices, np.array(source.header.positions_mm), grid_planes_mm(source))
    # as a tensor, since torch copies a large array into C order in a fraction of NumPy's time
    return torch.from_numpy(np.require(slices, requirements="W").T).to(torch.float32, memory_format=CONTIGUOUS)


def _read_slices(source: ScanSource) -> NDArray[Any]:
    """Return the slices ``(slices, rows, columns)``."""
    # ITK converts all slices to the type of the first, which cannot hold the values of another rescale
    pixel_type = itk.F if source.header.mixed_values else None
    if not source.frames:
        return _read_images([str(file) for file in source.files], pixel_type)
    images = [_as_slices(itk.imread(str(file), pixel_type)) for file in source.files]
    frames = images[0] if len(images) == 1 else np.concatenate(images)
    return frames if source.frames == tuple(range(len(frames))) else frames[list(source.frames)]


def _read_images(names: list[str], pixel_type: Any) -> NDArray[Any]:
    first = itk.imread(names[0], pixel_type)
    if len(names) == 1:
        return _as_slices(first)
    reader = itk.ImageSeriesReader[type(first)].New(FileNames=names)
    reader.SetSpacingWarningRelThreshold(np.inf)  # the header has measured the spacing
    reader.MetaDataDictionaryArrayUpdateOff()
    reader.Update()
    return _as_slices(reader.GetOutput())


def _as_slices(image: Any) -> NDArray[Any]:
    array = itk.array_view_from_image(image, keep_axes=False)
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise RuntimeError(f"{image.GetNumberOfComponentsPerPixel()} values a pixel; expected grey images")
    return array.reshape(-1, *array.shape[-2:])


def _interpolate(slices: NDArray[Any], positions_mm: NDArray[np.float64], planes_mm: NDArray[np.float64]) -> Tensor:
    """Interpolate slices linearly along their normal; a few columns at a time, which bounds the memory."""
    where = np.interp(planes_mm, positions_mm, np.arange(len(slices)))
    below = np.minimum(where.astype(int), len(slices) - 2)
    above_weight = (where - below).astype(np.float32)[:, np.newaxis, np.newaxis]
    _, rows, columns = slices.shape
    volume = torch.empty((columns, rows, len(planes_mm)))
    for start in range(0, columns, COLUMNS_AT_ONCE):
        block = slices[:, :, start : start + COLUMNS_AT_ONCE].astype(np.float32)
        planes = block[below] * (1 - above_weight) + block[below + 1] * above_weight
        volume[start : start + COLUMNS_AT_ONCE] = torch.from_numpy(planes.T)
    return volume
