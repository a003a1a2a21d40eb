"""DICOM Segmentation object of a lesion mask."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infnet_monai import __version__
from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write
from infnet_monai.scans.dicom_series import series_files

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["check_highdicom", "write_dicom_seg"]

logger = logging.getLogger(__name__)

# (code, scheme, meaning): SNOMED CT, as DICOM PS3.16 lists them in CID 7150, 7159 and 4
CATEGORY = ("49755003", "SCT", "Morphologically Abnormal Structure")
LESION = ("52988006", "SCT", "Lesion")
LUNG = ("39607008", "SCT", "Lung")
ARTIFICIAL_INTELLIGENCE = ("123110", "DCM", "Artificial Intelligence")
MANUFACTURER = "infnet-monai"
SERIES_NUMBER = 900
OFF_GRID_VOXELS = 0.25  # a pixel of the series may be this far from its voxel's centre
UNEVEN_STEP = 0.1  # fraction of the distance of slices by which it may vary
SAME_POSITION_MM = 0.01
REMEDY = "give the mask on the grid that the series was read in"
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_dicom_seg(
    mask: ArrayLike,
    affine: ArrayLike,
    series_folder: str | Path,
    path: str | Path,
    series: str = "",
    algorithm: str = "Inf-Net",
    algorithm_version: str = __version__,
) -> Path:
    """Write a lesion mask as a DICOM SEG that refers to the CT images it was found in.

    The mask may have any axis order: each image takes its pixels from the mask by its position in the patient, not by
    the order of files. The segment is a lesion (SNOMED CT 52988006) of the lung (39607008).

    Args:
        mask: Lesion mask ``(X, Y, Z)`` on the voxels of the series, not zero in lesions.
        affine: Voxel index to mm in RAS+ world coordinates, (4, 4), as nibabel and MONAI give it.
        series_folder: Folder of the CT's DICOM files.
        path: DICOM file to write.
        series: Name of the series in the folder, where it holds several.
        algorithm: Name of the model for the SEG.
        algorithm_version: Version of the model.

    Returns:
        The path.

    Raises:
        InputError: highdicom is not installed, the series is irregular or lacks what a SEG must have, or the mask is
            not on the grid of the series.
    """
    check_highdicom()
    images = _read_headers(series_files(series_folder, series), series_folder)
    frames = _frames_of_mask(np.asarray(mask) != 0, np.asarray(affine, dtype=float), images, series_folder)
    try:
        segmentation = _build_object(images, frames, algorithm, algorithm_version)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # of headers that lack what a SEG must have
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{series_folder}: no DICOM SEG can be built for these images ({reason})") from error
    with atomic_write(path) as draft:
        segmentation.save_as(draft)
    return Path(path)


def check_highdicom() -> None:
    """Raise an InputError where highdicom, an optional dependency, is not installed."""
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise InputError("DICOM SEG needs the package highdicom; pip install 'infnet-monai[dicom]'") from error


def _build_object(images: Sequence[Dataset], frames: NDArray[np.bool_], algorithm: str, algorithm_version: str) -> Any:
    """Put the DICOM SEG together; a mask without lesions keeps its empty frames, since an object must have some."""
    import highdicom

    return highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=frames,
        segmentation_type="BINARY",
        segment_descriptions=[_describe_segment(algorithm, algorithm_version)],
        series_instance_uid=highdicom.UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=algorithm,
        software_versions=__version__,
        device_serial_number="none",
        content_label="LUNG_INFECTION",
        content_description="Lung infection found by software, not a medical device",
        series_description=f"Lung infection ({algorithm})",
        omit_empty_frames=bool(frames.any()),
    )


def _describe_segment(algorithm: str, algorithm_version: str) -> Any:
    import highdicom
    from highdicom.sr import CodedConcept

    return highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label="Lung infection",
        segmented_property_category=CodedConcept(*CATEGORY),
        segmented_property_type=CodedConcept(*LESION),
        anatomic_regions=[CodedConcept(*LUNG)],
        algorithm_type="AUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=algorithm, version=algorithm_version, family=CodedConcept(*ARTIFICIAL_INTELLIGENCE)
        ),
    )


def _read_headers(files: Sequence[Path], series_folder: str | Path) -> list[Dataset]:
    """Return the headers of the images, with the identifiers that anonymisation may have emptied."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError
    from pydicom.uid import generate_uid

    try:
        images: list[Dataset] = [dcmread(file, stop_before_pixels=True) for file in files]
    except (OSError, InvalidDicomError) as error:
        raise InputError(f"{series_folder}: images of the series cannot be read ({error})") from error
    if any("ImagePositionPatient" not in image for image in images):
        raise InputError(f"{series_folder}: images have no position in the patient; DICOM SEG needs single-frame CT")
    made_up = set()
    for image in images:
        image.SOPClassUID = image.get("SOPClassUID") or image.file_meta.MediaStorageSOPClassUID
        image.SOPInstanceUID = image.get("SOPInstanceUID") or image.file_meta.MediaStorageSOPInstanceUID
        for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            if not image.get(name):
                setattr(image, name, generate_uid(entropy_srcs=[name, str(images[0].SOPInstanceUID)]))
                made_up.add(name)
    if made_up:
        logger.warning("%s: no %s; made up for the DICOM SEG", series_folder, ", ".join(sorted(made_up)))
    return images


def _frames_of_mask(
    mask: NDArray[np.bool_], affine: NDArray[np.float64], images: Sequence[Dataset], series_folder: str | Path
) -> NDArray[np.bool_]:
    """Return the pixels of the mask in each image, ``(images, rows, columns)``."""
    frames = [_pixels_of_image(mask, affine, image) for image in images]
    if any(frame is None for frame in frames):
        reason = _irregularity(images) or f"the mask is not on the voxels of the series; {REMEDY}"
        raise InputError(f"{series_folder}: {reason}")
    stacked = np.stack([frame for frame in frames if frame is not None])
    if stacked.sum() != mask.sum():
        raise InputError(
            f"{series_folder}: the mask has lesions outside the images of the series; give the mask of this series"
        )
    return stacked


def _irregularity(images: Sequence[Dataset]) -> str:
    """Return why the images are no regular grid, which is how a series is read as a volume; empty where they are."""
    if len(images) < 2:
        return ""
    orientation = np.array(images[0].ImageOrientationPatient, dtype=float)
    normal = np.cross(orientation[:3], orientation[3:])
    positions = np.array([image.ImagePositionPatient for image in images], dtype=float)
    positions = positions[np.argsort(positions @ normal, kind="stable")]
    steps_mm = np.diff(positions @ normal)
    if steps_mm.min() < SAME_POSITION_MM:
        return "two images of the series are at one position"
    if steps_mm.max() - steps_mm.min() > UNEVEN_STEP * steps_mm.min():
        return f"the slices of the series are {steps_mm.min():.2f} to {steps_mm.max():.2f} mm apart, not evenly spaced"
    along = positions[-1] - positions[0]
    sheared_mm = np.linalg.norm(along - (along @ normal) * normal)
    pixel_mm = min(map(float, images[0].PixelSpacing))
    return "the slices of the series are sheared by gantry tilt" if sheared_mm > OFF_GRID_VOXELS * pixel_mm else ""


def _pixels_of_image(mask: NDArray[np.bool_], affine: NDArray[np.float64], image: Dataset) -> NDArray[np.bool_] | None:
    """Return the pixels of the mask in an image, ``None`` where they are not on voxels of the mask."""
    exact = (np.linalg.inv(affine) @ RAS_FROM_LPS @ _patient_of_pixel(image))[:3]
    whole = np.rint(exact).astype(int)
    corners = np.array([(row, column, 1) for row in (0, image.Rows - 1) for column in (0, image.Columns - 1)])
    voxels = corners @ whole.T
    off_grid = np.abs(corners @ (exact - whole).T).max()
    if off_grid > OFF_GRID_VOXELS or (voxels < 0).any() or (voxels >= mask.shape).any():
        return None
    rows, columns = np.arange(image.Rows)[:, np.newaxis], np.arange(image.Columns)
    x, y, z = (rows * by_row + columns * by_column + origin for by_row, by_column, origin in whole)
    return mask[x, y, z]


def _patient_of_pixel(image: Dataset) -> NDArray[np.float64]:
    """Return the matrix (4, 3) from (row, column, 1) to the homogeneous LPS position in mm.

    Source: DICOM PS3.3, C.7.6.2.1.1.
    """
    along_row, along_column = np.array(image.ImageOrientationPatient, dtype=float).reshape(2, 3)
    between_rows_mm, between_columns_mm = map(float, image.PixelSpacing)
    position = np.array(image.ImagePositionPatient, dtype=float)
    matrix = np.stack([along_column * between_rows_mm, along_row * between_columns_mm, position], axis=1)
    return np.vstack([matrix, [0, 0, 1]])
