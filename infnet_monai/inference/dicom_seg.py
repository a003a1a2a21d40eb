"""DICOM Segmentation object of lesions, with a segment for each class."""

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
from infnet_monai.label_scheme import BINARY, Code, LabelScheme, LesionClass
from infnet_monai.scans.dicom_pixels import is_interpolated
from infnet_monai.scans.source import ScanSource

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["check_highdicom", "write_dicom_seg"]

logger = logging.getLogger(__name__)

# (code, scheme, meaning): SNOMED CT, as DICOM PS3.16 lists them in CID 7150, 7159 and 4
CATEGORY = ("49755003", "SCT", "Morphologically Abnormal Structure")
LUNG = ("39607008", "SCT", "Lung")
ARTIFICIAL_INTELLIGENCE = ("123110", "DCM", "Artificial Intelligence")
MANUFACTURER = "infnet-monai"
SERIES_NUMBER = 900
OFF_GRID_VOXELS = 0.25  # a pixel of the series may be this far from its voxel's centre
OFF_GRID_CODES = ("uneven-spacing", "moving-origin", "mixed-orientation")
PLACE = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
MAY_BE_EMPTY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"),
    *("StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"),
)
REMEDY = "give the mask on the grid that the series was read in"
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_dicom_seg(
    mask: ArrayLike,
    affine: ArrayLike,
    scan: ScanSource,
    path: str | Path,
    algorithm: str = "Inf-Net",
    algorithm_version: str = __version__,
    scheme: LabelScheme = BINARY,
) -> Path:
    """Write lesions as a DICOM SEG that refers to the CT images they were found in.

    The mask may have any axis order: each image takes its pixels from the mask by its position in the patient, not by
    the order of files. Where slices are missing, planes of the mask between the images have no frame. Each class is a
    segment, a single one a lesion (SNOMED CT 52988006), of the lung (39607008).

    Args:
        mask: Lesions ``(X, Y, Z)`` on the voxels of the series: values of the classes, 0 elsewhere.
        affine: Voxel index to mm in RAS+ world coordinates, (4, 4), as nibabel and MONAI give it.
        scan: The DICOM series, with its files and header.
        path: DICOM file to write.
        algorithm: Name of the model for the SEG.
        algorithm_version: Version of the model.
        scheme: The classes; with a single one, all that is not 0 is lesion.

    Returns:
        The path.

    Raises:
        InputError: highdicom is not installed, the series is unevenly spaced, of multi-frame files or lacks what a SEG
            must have, or the mask is not on the grid of the series.
    """
    check_highdicom()
    if scan.frames:
        raise InputError(f"{scan.title}: the images are frames of one file; a DICOM SEG needs single-frame CT")
    images = _read_headers(scan)
    labels = (np.asarray(mask) != 0).astype(np.uint8) if scheme.is_single else np.asarray(mask)
    frames = _frames_of_mask(labels, np.asarray(affine, dtype=float), images, scan)
    pixels = frames != 0 if scheme.is_single else np.stack([frames == one.value for one in scheme], axis=-1)
    descriptions = [(_segment_label(one, scheme), one.code) for one in scheme]
    try:
        segmentation = _build_object(images, pixels, descriptions, algorithm, algorithm_version)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # of headers that lack what a SEG must have
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{scan.title}: no DICOM SEG can be built for these images ({reason})") from error
    with atomic_write(path) as draft:
        segmentation.save_as(draft)
    return Path(path)


def check_highdicom() -> None:
    """Raise an InputError where highdicom, an optional dependency, is not installed."""
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise InputError("DICOM SEG needs the package highdicom; pip install 'infnet-monai[dicom]'") from error


def _segment_label(one: LesionClass, scheme: LabelScheme) -> str:
    return "Lung infection" if scheme is BINARY else one.name.capitalize()


def _build_object(
    images: Sequence[Dataset],
    frames: NDArray[np.bool_],
    segments: Sequence[tuple[str, Code]],
    algorithm: str,
    algorithm_version: str,
) -> Any:
    """Put the DICOM SEG together; a mask without lesions keeps its empty frames, since an object must have some."""
    import highdicom

    return highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=frames,
        segmentation_type="BINARY",
        segment_descriptions=[
            _describe_segment(number, label, code, algorithm, algorithm_version)
            for number, (label, code) in enumerate(segments, start=1)
        ],
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


def _describe_segment(number: int, label: str, code: Code, algorithm: str, algorithm_version: str) -> Any:
    import highdicom
    from highdicom.sr import CodedConcept

    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=CodedConcept(*CATEGORY),
        segmented_property_type=CodedConcept(*code),
        anatomic_regions=[CodedConcept(*LUNG)],
        algorithm_type="AUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=algorithm, version=algorithm_version, family=CodedConcept(*ARTIFICIAL_INTELLIGENCE)
        ),
    )


def _read_headers(scan: ScanSource) -> list[Dataset]:
    """Return the headers of the images, with what anonymisation may have removed and a SEG must have."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError
    from pydicom.uid import generate_uid

    try:
        images: list[Dataset] = [dcmread(file, stop_before_pixels=True) for file in scan.files]
    except (OSError, InvalidDicomError) as error:
        raise InputError(f"{scan.title}: images of the series cannot be read ({error})") from error
    lacking = [name for name in PLACE if any(not image.get(name) for image in images)]
    if lacking:
        raise InputError(f"{scan.title}: images have no {', '.join(lacking)}, which a DICOM SEG needs")
    made_up = set()
    for image in images:
        image.SOPClassUID = image.get("SOPClassUID") or image.file_meta.MediaStorageSOPClassUID
        image.SOPInstanceUID = image.get("SOPInstanceUID") or image.file_meta.MediaStorageSOPInstanceUID
        for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            if not image.get(name):
                setattr(image, name, generate_uid(entropy_srcs=[name, str(images[0].SOPInstanceUID)]))
                made_up.add(name)
        for name in MAY_BE_EMPTY:
            if name not in image:
                setattr(image, name, "")
    if made_up:
        logger.warning("%s: no %s; made up for the DICOM SEG", scan.title, ", ".join(sorted(made_up)))
    return images


def _frames_of_mask(
    mask: NDArray[np.uint8], affine: NDArray[np.float64], images: Sequence[Dataset], scan: ScanSource
) -> NDArray[np.uint8]:
    """Return the pixels of the mask in each image, ``(images, rows, columns)``."""
    frames = [_pixels_of_image(mask, affine, image) for image in images]
    if any(frame is None for frame in frames):
        uneven = [problem.message for problem in scan.problems if problem.code in OFF_GRID_CODES]
        reason = "; ".join(uneven) or f"the mask is not on the voxels of the series; {REMEDY}"
        raise InputError(f"{scan.title}: {reason}")
    stacked = np.stack([frame for frame in frames if frame is not None])
    if np.count_nonzero(stacked) != np.count_nonzero(mask) and not is_interpolated(scan):
        raise InputError(
            f"{scan.title}: the mask has lesions outside the images of the series; give the mask of this series"
        )
    return stacked


def _pixels_of_image(mask: NDArray[np.uint8], affine: NDArray[np.float64], image: Dataset) -> NDArray[np.uint8] | None:
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
