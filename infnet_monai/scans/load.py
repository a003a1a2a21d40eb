"""Reading a scan or a mask as a volume, with the checks that every reader leaves to the user."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import nibabel as nib
import numpy as np
import torch
from monai.data import ITKReader, MetaTensor, NibabelReader, PILReader
from monai.data.image_reader import ImageReader
from monai.data.utils import correct_nifti_header_if_necessary
from monai.transforms import Orientation
from PIL import Image

from infnet_monai.errors import InputError
from infnet_monai.scans.dicom_pixels import read_voxels
from infnet_monai.scans.dicom_series import find_series
from infnet_monai.scans.nifti_header import NIFTI_SUFFIXES, PICTURE_SUFFIXES, VOLUME_SUFFIXES, file_source
from infnet_monai.scans.source import ScanSource
from infnet_monai.scans.text_header import read_text_header

__all__ = [
    "NIFTI_SUFFIXES",
    "PICTURE_SUFFIXES",
    "SLICE_AXES",
    "UPRIGHT",
    "VOLUME_SUFFIXES",
    "load_scan",
    "load_upright",
    "scan_from_array",
]

UPRIGHT = "PL"
SLICE_AXES = "PLS"
BLOCK_BYTES, MOST_TRAILING_BLOCKS = 1 << 20, 64  # what follows the voxels, if anything, is a few bytes
LARGEST_VALUE = 1e7
GREY_MODES = ("1", "L", "I", "I;16", "I;16B", "F")  # Pillow's modes of one channel that are not a palette


def load_scan(scan: str | Path | ScanSource, axes: str = UPRIGHT, series: str = "", mask: bool = False) -> MetaTensor:
    """Read one scan, mask or picture as a volume.

    NIfTI is read by nibabel, NRRD, MetaImage and DICOM (a file, or a folder with one series) by ITK, PNG and JPEG by
    Pillow. A picture becomes a volume of one slice; its colours are averaged to grey, and 16-bit values are kept.
    Of DICOM, the positions in the headers decide the order of slices and the affine.

    Args:
        scan: File, or folder of a DICOM series, or a scan whose headers have been read, which are not read again.
        axes: For pictures, where their rows and columns run to: ``"PL"`` (posterior, left) is upright as a
            radiologist sees it.
        series: For a folder with several DICOM series, the name of the one to read.
        mask: Whether the file holds label values: of a palette picture these are its indices, not its colours.

    Returns:
        MetaTensor ``(1, X, Y, Z)``, float32, with the affine (mm, RAS+) in its metadata, and in ``meta["warnings"]``
        what a user must know of the scan, a list of sentences.

    Raises:
        InputError: The file is missing, of unknown type, damaged, not a volume, refused for what its headers say, or
            has voxels that are not finite.
    """
    path = scan.path if isinstance(scan, ScanSource) else Path(scan)
    if not path.exists():
        raise InputError(f"{path}: no such file. Correct the path, or write dataset.json again with infnet prepare.")
    if path.name.lower().endswith(PICTURE_SUFFIXES):
        return _as_volume(_read_file(path, mask), axes)
    source = _with_header(scan if isinstance(scan, ScanSource) else ScanSource(path, path.name, series))
    source.check()
    volume = _read_series(source) if source.files else _read_file(path, mask)
    if source.header.affine is not None:
        volume.meta["original_affine"] = source.header.affine
        volume.affine = torch.as_tensor(source.header.affine)
    volume.meta["warnings"] = list(source.warnings)
    return _check_volume(volume, path)


def scan_from_array(array: Any, affine: Any, name: str = "array") -> MetaTensor:
    """Make a scan of voxels in memory, with the checks that :func:`load_scan` does.

    Args:
        array: Voxels ``(X, Y, Z)``.
        affine: Voxel index to mm in RAS+, (4, 4).
        name: Stands for the file in messages.

    Returns:
        MetaTensor ``(1, X, Y, Z)``, float32.

    Raises:
        InputError: The array is not a volume, has voxels that are not finite, or the affine is singular.
    """
    affine = np.asarray(affine, dtype=float)
    if affine.shape != (4, 4):
        raise InputError(f"{name}: affine has shape {affine.shape}; expected (4, 4), voxel index to mm in RAS+")
    voxels = torch.as_tensor(np.asarray(array, dtype=np.float32))
    volume = MetaTensor(voxels, affine=torch.as_tensor(affine))
    volume.meta.update(original_affine=affine, spatial_shape=tuple(voxels.shape), space="RAS", filename_or_obj=name)
    volume.meta["warnings"] = []
    return _check_volume(volume, name)


def load_upright(path: str | Path | ScanSource, axes: str = UPRIGHT, mask: bool = False) -> MetaTensor:
    """Read a scan as :func:`load_scan` does and reorient it so that its slices stand upright.

    Args:
        path: File, or folder of a DICOM series.
        axes: For pictures, where their rows and columns run to.
        mask: Whether the file holds label values.

    Returns:
        MetaTensor ``(1, H, W, D)``: rows towards posterior, columns towards left, slices upwards.
    """
    return cast(MetaTensor, Orientation(axcodes=SLICE_AXES, labels=None)(load_scan(path, axes, mask=mask)))


def _with_header(source: ScanSource) -> ScanSource:
    """Return a scan with what its headers say, which are read where that has not been done."""
    path, name = source.path, source.path.name.lower()
    if source.files or source.problems or source.header.affine is not None:
        return source
    if path.is_dir() or name.endswith(".dcm") or path.suffix[1:].isdigit() or not path.suffix:
        return find_series(path, source.series).accepting(("single-slice",) if path.is_file() else ())
    if not name.endswith(VOLUME_SUFFIXES):
        known = ", ".join((*VOLUME_SUFFIXES, ".dcm", *PICTURE_SUFFIXES))
        raise InputError(f"{path}: unknown type of file. Expected one of {known} or a folder with a DICOM series.")
    return file_source(path, source.name)


def _read_series(source: ScanSource) -> Any:
    """Read the voxels ``(X, Y, Z)`` of a DICOM series."""
    if source.header.shape is None:
        raise InputError(f"{source.title}: {source.skip_reason or ', '.join(source.warnings)}; there are no pixels")
    with _readable(source.path):
        voxels = read_voxels(source)
    meta = {"spatial_shape": tuple(voxels.shape), "space": "RAS", "filename_or_obj": str(source.path)}
    return MetaTensor(voxels, meta=meta)


def _read_file(path: Path, mask: bool) -> Any:
    """Read the voxels ``(X, Y, Z)`` of a volume, or the pixels of a picture."""
    reader = _choose_reader(path, mask)
    if isinstance(reader, ITKReader):
        read_text_header(path).check_stream()
    with _readable(path):
        array, meta = reader.get_data(reader.read(str(path)))
    # as a tensor, since torch copies a large array into C order in a fraction of NumPy's time
    voxels = torch.from_numpy(np.require(array, dtype=np.float32, requirements="W"))
    volume: Any = MetaTensor.ensure_torch_and_prune_meta(voxels, meta)
    volume.meta["filename_or_obj"] = str(path)
    return volume


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise an InputError for whatever readers raise: the damaged bytes lead to anything."""
    try:
        yield
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise InputError(
            f"{path}: cannot be read ({reason}). The file is damaged, truncated or of another type than its name says."
        ) from error


class _WholeNibabelReader(NibabelReader):
    """Reads compressed files to their end, where the checksum is; damaged ones would come out as other voxels."""

    def read(self, data: Any, **kwargs: Any) -> Any:
        """Open a file; see MONAI's reader."""
        image = super().read(data, **kwargs)
        self._stream = None
        if str(data).lower().endswith(".gz") and type(image) in (nib.Nifti1Image, nib.Nifti2Image):
            self._stream = gzip.open(data)  # noqa: SIM115  # closed when the voxels have been read
            image = correct_nifti_header_if_necessary(type(image).from_stream(self._stream))
        return image

    def get_data(self, img: Any) -> Any:
        """Read the voxels; see MONAI's reader."""
        if self._stream is None:
            return super().get_data(img)
        with self._stream as stream:
            array_and_meta = super().get_data(img)
            for _ in range(MOST_TRAILING_BLOCKS):
                if not stream.read(BLOCK_BYTES):
                    break
        return array_and_meta


def _choose_reader(path: Path, mask: bool) -> ImageReader:
    name = path.name.lower()
    if name.endswith(NIFTI_SUFFIXES):
        return _WholeNibabelReader()
    if name.endswith(PICTURE_SUFFIXES):
        return PILReader(converter=_label_values if mask else _grey_values, reverse_indexing=False)
    return ITKReader()


def _grey_values(picture: Image.Image) -> Image.Image:
    """Keep the values of grey pictures, whatever their depth; average the colours of others, a palette's too."""
    return picture if picture.mode in GREY_MODES else picture.convert("L")


def _label_values(picture: Image.Image) -> Image.Image:
    """Keep the indices of palette pictures, which are the label values; read others as images."""
    return picture if picture.mode == "P" else _grey_values(picture)


def _as_volume(picture: MetaTensor, axes: str) -> MetaTensor:
    shape = (*picture.shape[:2], 1)
    try:
        orientation = nib.orientations.axcodes2ornt(f"{axes}S")
        affine = np.linalg.inv(nib.orientations.inv_ornt_aff(orientation, shape))
    except (ValueError, IndexError, np.linalg.LinAlgError) as error:
        raise InputError(
            f"axes={axes!r}: expected two letters such as 'PL', where rows and columns run to (R, L, A, P)."
        ) from error
    volume = MetaTensor(picture.as_tensor().float().reshape(1, *shape), affine=torch.as_tensor(affine))
    volume.meta.update(original_affine=affine, spatial_shape=shape, space="RAS", original_channel_dim=0)
    volume.meta["filename_or_obj"] = picture.meta["filename_or_obj"]
    volume.meta["spacing_known"] = False
    volume.meta["warnings"] = []
    return volume


def _check_volume(volume: Any, path: str | Path) -> MetaTensor:
    if not volume.numel():
        raise InputError(f"{path}: shape {tuple(volume.shape)} holds no voxel.")
    if volume.ndim == 4 and volume.shape[-1] == 1:
        volume = volume[..., 0]
    if volume.ndim != 3:
        remedy = (
            "one file a time point" if volume.ndim == 4 else "a one-slice volume (H, W, 1), which has an orientation"
        )
        raise InputError(
            f"{path}: is {volume.ndim}D, shape {tuple(volume.shape)}; expected a 3D volume. Save {remedy}."
        )
    voxels = volume.as_tensor().numpy()
    if not np.isfinite([voxels.min(), voxels.max()]).all():
        not_finite = int((~np.isfinite(voxels)).sum())
        raise InputError(f"{path}: {not_finite} voxels are NaN or infinite. Replace them, e.g. by -1024 HU (air).")
    if max(-voxels.min(), voxels.max()) > LARGEST_VALUE:
        found = f"values from {voxels.min():.3g} to {voxels.max():.3g}"
        raise InputError(f"{path}: {found} are no intensities. Correct the scale in the header, or the voxels.")
    if abs(np.linalg.det(np.asarray(volume.affine)[:3, :3])) < 1e-9:
        raise InputError(
            f"{path}: the header has no valid spacing (affine is singular). Write the file with its spacing."
        )
    # built again rather than indexed, so that MONAI counts three spatial dimensions
    return MetaTensor(volume.as_tensor()[None], meta=volume.meta | {"original_channel_dim": 0})
