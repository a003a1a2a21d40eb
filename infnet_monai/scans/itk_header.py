"""Headers of NRRD and MetaImage files, read by ITK without the voxels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infnet_monai.scans.geometry_fields import unsaid_geometry
from infnet_monai.scans.grid_checks import grid_spacing, refused, volume_shape
from infnet_monai.scans.source import Problem, ScanHeader, Severity
from infnet_monai.scans.text_header import NRRD_SUFFIXES, read_text_header

__all__ = ["open_itk_header", "read_itk_header"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def open_itk_header(path: Path) -> Any:
    """Return ITK's reader of a NRRD or MetaImage file after it has read the header.

    Args:
        path: The file.

    Raises:
        InputError: ITK is not to read the file, see :func:`infnet_monai.scans.text_header.read_text_header`, or it is
            too small for its voxels.
        RuntimeError: The file is not of the type that its name says, or its header is damaged.
    """
    import itk  # with PyTorch, which most scans can be found without

    text_header = read_text_header(path)
    image_io = itk.NrrdImageIO.New() if path.name.lower().endswith(NRRD_SUFFIXES) else itk.MetaImageIO.New()
    if not image_io.CanReadFile(str(path)):
        raise RuntimeError("no such header")
    image_io.SetFileName(str(path))
    image_io.ReadImageInformation()
    text_header.check_size(int(image_io.GetImageSizeInBytes()))
    return image_io


def read_itk_header(path: Path) -> tuple[ScanHeader, list[Problem]]:
    """Read what the header of a NRRD or MetaImage file says, as MONAI's ITKReader reads the volume.

    Args:
        path: The file.

    Returns:
        Shape, affine (mm, RAS+) and spacing, and the problems that these formats can have.

    Raises:
        InputError: The voxels are not where they can be read from.
        RuntimeError: The header cannot be read.
    """
    image_io = open_itk_header(path)
    dimensions = image_io.GetNumberOfDimensions()
    shape = volume_shape([image_io.GetDimensions(axis) for axis in range(dimensions)])
    affine = _affine(image_io, min(dimensions, 3))
    problems = []
    needed = int(image_io.GetImageSizeInBytes())
    if (text_header := read_text_header(path)).has_more_than(needed):
        message = f"the file holds {text_header.data_bytes} bytes of voxels and its header tells of {needed}"
        problems.append(Problem("size", f"{message}; voxels may be missing or out of place", Severity.WARNING))
    if image_io.GetNumberOfComponents() > 1:
        problems.append(Problem("not-grey", "a colour or vector image", Severity.SKIPPED))
    if path.name.lower().endswith(NRRD_SUFFIXES) and "NRRD_space" not in image_io.GetMetaDataDictionary().GetKeys():
        message = (
            "the header does not say how the patient lies in the volume (no space); axes towards L, P, S are a guess, "
            "and right may be left. Write the file with its orientation"
        )
        problems.append(refused("no-orientation", message))
    header = ScanHeader(shape=shape, affine=affine, spacing_mm=grid_spacing(affine))
    return header, [*problems, *unsaid_geometry(path)]


def _affine(image_io: Any, axes: int) -> NDArray[np.float64]:
    affine = np.eye(4)
    for axis in range(axes):
        affine[:axes, axis] = np.asarray(image_io.GetDirection(axis))[:axes] * image_io.GetSpacing(axis)
        affine[axis, 3] = image_io.GetOrigin(axis)
    return LPS_TO_RAS @ affine
