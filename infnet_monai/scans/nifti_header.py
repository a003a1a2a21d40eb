"""Volume files by their headers alone: where the voxels are, and whether the header can be believed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike, NDArray

from infnet_monai.errors import InputError
from infnet_monai.scans.grid_checks import grid_problems, grid_spacing, refused, volume_shape
from infnet_monai.scans.itk_header import read_itk_header
from infnet_monai.scans.source import Problem, ScanHeader, ScanSource, Severity
from infnet_monai.scans.text_header import MOST_COMPRESSION

__all__ = ["NIFTI_SUFFIXES", "PICTURE_SUFFIXES", "VOLUME_SUFFIXES", "corrected_affine", "file_source", "volume_name"]

NIFTI_SUFFIXES = (".nii.gz", ".nii")
VOLUME_SUFFIXES = (*NIFTI_SUFFIXES, ".nrrd", ".nhdr", ".mha", ".mhd")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")

UNITS = {0: "", 1: "meter", 2: "mm", 3: "micron"}  # codes of the NIfTI standard for lengths
UNITS_MM = {"meter": 1000.0, "micron": 0.001}
SAME_PERCENT = 0.1
DIFFERENT_PERCENT = 1.0
SAME_VOXELS = 0.1
DIFFERENT_VOXELS = 1.0


def volume_name(path: Path) -> str:
    """Return the file name without the suffix of a volume; empty for other files.

    Args:
        path: Any path.

    Example:
        >>> volume_name(Path("ward/ct.1.nii.gz")), volume_name(Path("notes.txt"))
        ('ct.1', '')
    """
    suffix = next((suffix for suffix in VOLUME_SUFFIXES if path.name.lower().endswith(suffix)), "")
    return path.name[: -len(suffix)] if suffix else ""


def file_source(path: Path, name: str) -> ScanSource:
    """Return a volume file as a scan: what its header says and what is wrong with it. No voxel is read.

    Args:
        path: NIfTI, NRRD or MetaImage file; a regular file.
        name: Name of the scan.

    Returns:
        The scan; refused with the code ``"unreadable"`` where the header cannot be read or is not that of a volume.
    """
    try:
        if not path.stat().st_size:
            return ScanSource(path, name, problems=(refused("unreadable", "cannot be read: the file is empty"),))
        is_nifti = path.name.lower().endswith(NIFTI_SUFFIXES)
        header, problems = _read_nifti_header(path) if is_nifti else read_itk_header(path)
    except InputError as error:
        return ScanSource(path, name, problems=(refused("unreadable", f"cannot be read: {error}"),))
    except Exception as error:  # readers raise whatever the damaged bytes lead to
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        reason = (text.strip().splitlines() or [type(error).__name__])[-1]
        message = f"cannot be read ({reason}). The file is damaged, truncated or of another type than its name says"
        return ScanSource(path, name, problems=(refused("unreadable", message),))
    return ScanSource(path, name, header=header, problems=(*problems, *grid_problems(header)))


def corrected_affine(affine: ArrayLike, units: str) -> NDArray[np.float64]:
    """Return an affine in mm.

    Args:
        affine: Voxel index to the units of the header, (4, 4).
        units: ``"meter"``, ``"micron"``, or anything else for mm.

    Example:
        >>> corrected_affine(np.diag([0.002, 0.002, 0.005, 1]), "meter").diagonal().tolist()
        [2.0, 2.0, 5.0, 1.0]
    """
    corrected = np.array(affine, dtype=float)
    corrected[:3] *= UNITS_MM.get(units, 1.0)
    return corrected


def _read_nifti_header(path: Path) -> tuple[ScanHeader, list[Problem]]:
    image: Any = nib.load(path)
    units = UNITS.get(int(image.header["xyzt_units"]) % 8, "unknown")
    shape = volume_shape(image.shape)
    problems = [*_storage_problems(image, path), *_units_problems(units)]
    affine = np.asarray(image.affine, dtype=float)
    if len(shape) == 3 and np.isfinite(affine).all() and np.linalg.det(affine[:3, :3]):
        problems += _form_problems(image.header, shape, affine)
    affine = corrected_affine(affine, units)
    return ScanHeader(shape=shape, affine=affine, spacing_mm=grid_spacing(affine), units=units), problems


def _storage_problems(image: Any, path: Path) -> Iterator[Problem]:
    kind = image.get_data_dtype()
    if kind.fields:
        yield Problem("not-grey", "a colour image", Severity.SKIPPED)
    elif kind.kind == "c":
        yield refused("unreadable", "holds complex numbers; expected one real number a voxel")
    needed = int(image.dataobj.offset) + kind.itemsize * math.prod(map(int, image.shape))
    size, is_compressed = path.stat().st_size, path.name.lower().endswith(".gz")
    if size * (MOST_COMPRESSION if is_compressed else 1) < needed:
        yield refused("unreadable", f"cannot be read: truncated, {size} of {needed} bytes")
    stored = _gzip_size(path) if is_compressed else size
    if stored > needed:
        message = (
            f"the file holds {stored} bytes and its header tells of {needed}; voxels may be missing or out of place"
        )
        yield Problem("size", message, Severity.WARNING)


def _gzip_size(path: Path) -> int:
    """Return what the last 4 bytes say of the size uncompressed; of several streams, it is that of the last one."""
    with open(path, "rb") as file:
        file.seek(-4, os.SEEK_END)
        return int.from_bytes(file.read(4), "little")


def _units_problems(units: str) -> Iterator[Problem]:
    if units in UNITS_MM:
        message = f"the header gives lengths in {units}; they were converted to mm"
        yield Problem("units", message, Severity.WARNING)
    elif units == "unknown":
        yield Problem("units", "the header gives no known unit of length; mm were assumed", Severity.WARNING)


def _form_problems(header: Any, shape: tuple[int, ...], affine: NDArray[np.float64]) -> Iterator[Problem]:
    """Problems of sform, qform and voxel sizes, of which a header may hold three that disagree."""
    coded = [bool(header["sform_code"] > 0), bool(header["qform_code"] > 0)]
    if not any(coded):
        axes = ", ".join(nib.aff2axcodes(affine))
        yield refused(
            "no-orientation",
            "the header does not say how the patient lies in the volume (sform and qform codes are 0); axes towards "
            f"{axes} are a guess, and right may be left. Write the file with its orientation",
        )
        return
    if all(coded):
        yield from _disagreement(affine, header.get_qform(), shape)
    zooms = np.abs(np.asarray(header["pixdim"][1:4], dtype=float))
    norms = np.linalg.norm(affine[:3, :3], axis=0)
    if coded == [True, False] and (zooms > 0).all() and (np.abs(norms / zooms - 1) > DIFFERENT_PERCENT / 100).any():
        message = f"voxel sizes of the header (pixdim {_sizes(zooms)}) are not those of its sform ({_sizes(norms)} mm)"
        yield Problem("pixdim", f"{message}; the sform was used", Severity.WARNING)


def _disagreement(sform: NDArray[np.float64], qform: NDArray[np.float64], shape: tuple[int, ...]) -> Iterator[Problem]:
    """Compare the affines of a header, once the sform is without the shears that a qform cannot hold."""
    if not np.isfinite(qform).all() or not np.linalg.det(qform[:3, :3]):
        yield Problem("forms-disagree", "the qform of the header is not valid; the sform was used", Severity.WARNING)
        return
    upright = nib.Nifti1Header()
    upright.set_qform(sform, code=1, strip_shears=True)
    forms = (upright.get_qform(), qform)
    percent = 100 * abs(np.linalg.det(qform[:3, :3]) / np.linalg.det(forms[0][:3, :3]) - 1)
    axes = ["".join(nib.aff2axcodes(form)) for form in forms]
    corners = np.array([[*corner, 1.0] for corner in np.ndindex(2, 2, 2)]).T
    corners[:3] *= np.asarray(shape)[:, None] - 1
    voxels = np.abs((np.linalg.inv(forms[0]) @ qform @ corners - corners)[:3]).max()
    if percent <= SAME_PERCENT and voxels <= SAME_VOXELS:
        return
    found = f"{percent:.1f} % of a voxel's volume, {voxels:.1f} voxels at the corners, axes {axes[0]} and {axes[1]}"
    message = f"sform and qform of the header disagree ({found})"
    if percent > DIFFERENT_PERCENT or voxels > DIFFERENT_VOXELS or axes[0] != axes[1]:
        yield refused("forms-disagree", f"{message}. Write the file with one of them; accepted, the sform is used")
    else:
        yield Problem("forms-disagree", f"{message}; the sform was used", Severity.WARNING)


def _sizes(values: NDArray[np.float64]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)
