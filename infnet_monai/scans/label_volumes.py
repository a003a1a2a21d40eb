"""Volumes that are no scans: results of earlier runs, and masks and other label volumes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from infnet_monai.scans.itk_header import open_itk_header
from infnet_monai.scans.nifti_header import NIFTI_SUFFIXES
from infnet_monai.scans.source import Problem, ScanSource, Severity

__all__ = ["label_problem"]

ReadSlice = Callable[[int], NDArray[Any]]

OWN_ENDINGS = ("_infection.nii.gz", "_lungs.nii.gz", "_probability.nii.gz")
TELLING_WORDS = ("label", "mask", "seg", "annotation", "infection", "lesion", "lung_mask", "roi")
FEW_VALUES = 8  # a CT has hundreds of values in each slice
FEW_VALUES_WHERE_NAMED = 128  # for those that are stored as labels: one for each organ
LARGEST_LABEL = 255
SAMPLED_SLICES = 16
MASK_COMPRESSION = 20  # masks are compressed to 1/50 or less, scans to 1/2
SMALL_BYTES = 1 << 20


def label_problem(scan: ScanSource) -> Problem | None:
    """Find out whether a volume file is no scan but a result or a label volume.

    Results are known by their names. Label volumes have few values, all of them small whole numbers. So that a scan
    costs next to nothing, values are read of 16 slices at most, and not at all where the file is compressed less than
    any mask would be.

    Args:
        scan: A volume file whose header has been read.

    Returns:
        The reason to skip it; None for a scan, and for a file that cannot be read.
    """
    if scan.path.name.lower().endswith(OWN_ENDINGS):
        message = "named like a result of an earlier run (_infection, _lungs or _probability)"
        return Problem("own-output", message, Severity.SKIPPED)
    if scan.refusal or scan.skip_reason or scan.header.shape is None:
        return None
    try:
        values = _sampled_values(scan, FEW_VALUES_WHERE_NAMED if _is_named_like_labels(scan.path) else FEW_VALUES)
    except Exception:  # damaged voxels are reported when the scan is read
        return None
    if values is None or not _are_labels(values):
        return None
    listed = ", ".join(f"{value:g}" for value in values[:4]) + (", ..." if len(values) > 4 else "")
    message = f"a label volume, not a scan: its voxels are {listed}"
    return Problem("label-volume", message, Severity.SKIPPED)


def _is_named_like_labels(path: Path) -> bool:
    names = f"{path.parent.parent.name}/{path.parent.name}/{path.name}".lower()
    return any(word in names for word in TELLING_WORDS)


def _are_labels(values: NDArray[Any]) -> bool:
    return bool(np.isfinite(values).all() and values.min() >= 0 and values.max() <= LARGEST_LABEL) and bool(
        (values == np.floor(values)).all()
    )


def _sampled_values(scan: ScanSource, limit: int) -> NDArray[Any] | None:
    """Return the distinct values of some slices; None where there are more than the limit, or surely are."""
    read = _open_nifti(scan.path) if scan.path.name.lower().endswith(NIFTI_SUFFIXES) else _open_itk(scan.path)
    depth = (scan.header.shape or (0, 0, 0))[2]
    values: NDArray[Any] | None = np.empty(0) if read is not None else None
    for k in np.unique(np.linspace(0, depth - 1, SAMPLED_SLICES).round().astype(int)):
        if read is None or values is None:
            return None
        values = np.union1d(values, read(int(k)))
        values = values if len(values) <= limit else None
    return values


def _may_hold_labels(stored_bytes: int, voxel_bytes: int) -> bool:
    """Whether a file is not compressed, compressed like a mask, or so small that this says nothing."""
    return stored_bytes >= voxel_bytes or stored_bytes * MASK_COMPRESSION <= voxel_bytes or voxel_bytes <= SMALL_BYTES


def _open_nifti(path: Path) -> ReadSlice | None:
    """Return what reads the distinct values of a slice; None where they need not be read."""
    image: Any = nib.load(path)
    size = image.get_data_dtype().itemsize * int(np.prod(image.shape, dtype=np.int64))
    if not _may_hold_labels(path.stat().st_size, size):
        return None
    proxy = image.dataobj
    if not path.name.lower().endswith(".gz"):
        return lambda k: np.unique(proxy[:, :, k])
    voxels = proxy.get_unscaled()  # at once: each slice would be decompressed with all before it
    return lambda k: np.unique(voxels[:, :, k]) * proxy.slope + proxy.inter


def _open_itk(path: Path) -> ReadSlice | None:
    """Return what reads the distinct values of a slice, by reading no other one where the format lets ITK do so."""
    import itk  # with PyTorch, which most scans can be found without

    size = int(open_itk_header(path).GetImageSizeInBytes())
    is_apart = path.suffix.lower() in (".mhd", ".nhdr")  # the voxels are in a file of their own
    if not is_apart and not _may_hold_labels(path.stat().st_size, size):
        return None
    reader = itk.ImageFileReader[itk.Image[itk.F, 3]].New(FileName=str(path))
    reader.UpdateOutputInformation()

    def read(k: int) -> NDArray[Any]:
        image = reader.GetOutput()
        whole = image.GetLargestPossibleRegion().GetSize()
        image.SetRequestedRegion(itk.ImageRegion[3]([0, 0, k], [whole[0], whole[1], 1]))
        image.Update()
        voxels = itk.array_from_image(image)
        return np.unique(voxels if len(voxels) == 1 else voxels[k])

    return read
