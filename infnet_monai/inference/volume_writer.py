"""NIfTI files on the grid that a volume has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import nibabel as nib
import numpy as np
from monai.data import NibabelWriter
from numpy.typing import ArrayLike

from infnet_monai.files import atomic_write

__all__ = ["GridWriter", "write_volume"]


def write_volume(volume: ArrayLike, affine: ArrayLike, path: str | os.PathLike) -> None:
    """Write a volume as NIfTI, whole or not at all.

    Args:
        volume: Voxels ``(X, Y, Z)``; their dtype is that of the file.
        affine: Voxel index to mm in RAS+, (4, 4).
        path: File to write, ending in ``.nii`` or ``.nii.gz``.
    """
    voxels = np.asfortranarray(volume)  # the order of the file; nibabel reorders slice by slice, in twice the time
    image = nib.Nifti1Image(voxels, np.asarray(affine, dtype=float))
    image.header.set_xyzt_units("mm")
    with atomic_write(os.fspath(path)) as draft:
        nib.save(image, draft)


class GridWriter(NibabelWriter):
    """Writer for MONAI's ``SaveImaged`` that leaves the grid alone.

    MONAI 1.6.1's own resamples even with ``resample=False``, and fails there when the slices are not the last axis.
    """

    def set_metadata(self, meta_dict: Mapping | None = None, resample: bool = False, **options: Any) -> None:
        """Take over the affine."""
        _, self.affine, _ = self.get_meta_info(meta_dict)

    def write(self, filename: str | os.PathLike, verbose: bool = False, **options: Any) -> None:
        """Write the volume."""
        write_volume(np.asarray(self.data_obj, dtype=self.output_dtype), self.affine, filename)
