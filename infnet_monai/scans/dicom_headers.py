"""What the headers of DICOM files say, one record for each slice, however bad some values are."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from pydicom import Dataset, dcmread

from infnet_monai.errors import InputError

__all__ = ["DicomSlice", "is_dicom_file", "read_slices"]

PREAMBLE_BYTES, MAGIC = 128, b"DICM"
DICOM_SUFFIX = ".dcm"
MOST_FRAMES = 100_000
LONGEST_TEXT = 256  # the standard allows 64 characters, of which image types have several
LARGEST_NUMBER = 1e9  # nothing that is read here comes near it
UNCOMPRESSED = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}
DEFLATED = "1.2.840.10008.1.2.1.99"
SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
KEYWORDS = (
    *("SOPClassUID", "SOPInstanceUID", "Modality", "ImageType", "SeriesInstanceUID", "SeriesNumber"),
    *("SeriesDescription", "StudyInstanceUID", "PatientID", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel"),
    *("PhotometricInterpretation", "BitsAllocated", "PixelRepresentation", "ImagePositionPatient"),
    *("ImageOrientationPatient", "PixelSpacing", "SliceThickness", "RescaleSlope", "RescaleIntercept", "RescaleType"),
    *("InstanceNumber", "AcquisitionNumber", "TemporalPositionIdentifier", "EchoNumbers", "ConvolutionKernel"),
    *("AcquisitionTime", "ContentTime", SHARED, PER_FRAME),
)


@dataclass(frozen=True)
class DicomSlice:
    """One slice of a DICOM series: an image of its own, or a frame of a multi-frame file.

    What is missing, not a number or beyond all numbers is ``None``, or empty for text.

    Attributes:
        file: The file.
        frame: Number of the frame in the file, from 0.
        frames_in_file: Frames of the file; 1 for an image of its own.
        rows: Rows of the image, 0 where the file holds no image.
        columns: Columns of the image.
        position_mm: Centre of the first pixel in the patient, LPS.
        orientation: Direction cosines of a row and of a column, LPS, of unit length and at right angles.
        pixel_mm: Distance between rows and between columns.
        thickness_mm: Thickness of the slice.
        slope: Rescale slope.
        intercept: Rescale intercept.
        rescale_type: Unit of the rescaled values, e.g. ``"HU"``.
        samples: Values of a pixel; 3 for colour.
        photometric: Photometric interpretation, e.g. ``"MONOCHROME2"``.
        bits: Bits of a value as it is stored.
        signed: Whether stored values are signed.
        instance_number: InstanceNumber, or the number of the frame.
        modality: Modality.
        sop_class: UID of the kind of object.
        sop_uid: UID of the object, also that of the file's meta information.
        image_type: Image type.
        series_uid: SeriesInstanceUID.
        series_number: SeriesNumber.
        series_description: SeriesDescription.
        study_uid: StudyInstanceUID.
        patient_id: PatientID.
        acquisition: AcquisitionNumber.
        temporal_position: Number of the time point.
        echo: EchoNumbers.
        kernel: ConvolutionKernel.
        stack: StackID of the frame.
        acquisition_time: AcquisitionTime.
        content_time: ContentTime.
    """

    file: Path
    frame: int = 0
    frames_in_file: int = 1
    rows: int = 0
    columns: int = 0
    position_mm: tuple[float, ...] | None = None
    orientation: tuple[float, ...] | None = None
    pixel_mm: tuple[float, ...] | None = None
    thickness_mm: float | None = None
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    samples: int = 1
    photometric: str = ""
    bits: int = 0
    signed: bool = False
    instance_number: int | None = None
    modality: str = ""
    sop_class: str = ""
    sop_uid: str = ""
    image_type: tuple[str, ...] = ()
    series_uid: str = ""
    series_number: int | None = None
    series_description: str = ""
    study_uid: str = ""
    patient_id: str = ""
    acquisition: str = ""
    temporal_position: str = ""
    echo: str = ""
    kernel: str = ""
    stack: str = ""
    acquisition_time: str = ""
    content_time: str = ""


def is_dicom_file(path: str | Path) -> bool:
    """Whether a regular file starts as DICOM files do, or is named as one, so that a damaged one is not passed over.

    Args:
        path: File; what is no regular file is not opened.

    Raises:
        OSError: The file cannot be opened.
    """
    path = Path(path)
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return _has_magic(file) or path.suffix.lower() == DICOM_SUFFIX


def _has_magic(file: BinaryIO) -> bool:
    return file.read(PREAMBLE_BYTES + len(MAGIC))[PREAMBLE_BYTES:] == MAGIC


def read_slices(file: Path) -> list[DicomSlice]:
    """Read the headers of a DICOM file, without its pixels.

    Args:
        file: DICOM file.

    Returns:
        One slice, or the frames of a multi-frame file in the order of the file.

    Raises:
        InputError: The file cannot be read as DICOM, or ends before its pixels do.
    """
    try:
        with open(file, "rb") as stream:
            if not _has_magic(stream):
                raise ValueError("it does not start as DICOM files do")
            stream.seek(0)
            dataset = dcmread(stream, stop_before_pixels=True, specific_tags=list(KEYWORDS))
            bytes_left = os.fstat(stream.fileno()).st_size - stream.tell()
        image = _read_image(dataset, file)
        _check_length(image, _text(getattr(dataset, "file_meta", Dataset()), "TransferSyntaxUID"), bytes_left)
        return list(_read_frames(dataset, image))
    except InputError:
        raise
    except Exception as error:  # pydicom raises whatever damaged bytes lead to
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{file}: cannot be read as DICOM ({reason})") from error


def _check_length(image: DicomSlice, syntax: str, bytes_left: int) -> None:
    """Raise an InputError for a file that ends early, which pydicom reads without a word."""
    if not image.rows and image.modality in ("", "CT"):  # every object has a modality, and a CT its rows
        raise InputError(f"{image.file}: is truncated; it ends within its header")
    if image.frames_in_file > MOST_FRAMES:
        raise InputError(f"{image.file}: claims to have {image.frames_in_file} frames; the header is damaged")
    needed = 0 if syntax == DEFLATED else image.frames_in_file  # compressed, a frame takes a byte at least
    if syntax in UNCOMPRESSED:
        needed = image.rows * image.columns * image.samples * max(8, image.bits) // 8 * image.frames_in_file
    if image.rows and bytes_left < needed:
        raise InputError(f"{image.file}: is truncated; its pixels take {needed} bytes and {bytes_left} are left")


def _read_image(dataset: Dataset, file: Path) -> DicomSlice:
    """Read what a file says once."""
    meta = getattr(dataset, "file_meta", Dataset())
    thickness, slope, intercept = (
        _number(dataset, name) for name in ("SliceThickness", "RescaleSlope", "RescaleIntercept")
    )
    return DicomSlice(
        file=file,
        frames_in_file=max(1, _whole(dataset, "NumberOfFrames") or 1),
        rows=_whole(dataset, "Rows") or 0,
        columns=_whole(dataset, "Columns") or 0,
        position_mm=_numbers(dataset, "ImagePositionPatient", 3),
        orientation=_orientation(dataset),
        pixel_mm=_pixel_spacing(dataset),
        thickness_mm=thickness if thickness and thickness > 0 else None,
        slope=slope or None,  # a slope of 0 would make all voxels alike
        intercept=intercept,
        rescale_type=_text(dataset, "RescaleType").upper(),
        samples=_whole(dataset, "SamplesPerPixel") or 1,
        photometric=_text(dataset, "PhotometricInterpretation").upper(),
        bits=_whole(dataset, "BitsAllocated") or 0,
        signed=_whole(dataset, "PixelRepresentation") == 1,
        instance_number=_whole(dataset, "InstanceNumber"),
        modality=_text(dataset, "Modality").upper(),
        sop_class=_text(dataset, "SOPClassUID") or _text(meta, "MediaStorageSOPClassUID"),
        sop_uid=_text(dataset, "SOPInstanceUID") or _text(meta, "MediaStorageSOPInstanceUID"),
        image_type=_image_type(dataset, "ImageType"),
        series_uid=_text(dataset, "SeriesInstanceUID"),
        series_number=_whole(dataset, "SeriesNumber"),
        series_description=_text(dataset, "SeriesDescription"),
        study_uid=_text(dataset, "StudyInstanceUID"),
        patient_id=_text(dataset, "PatientID"),
        acquisition=_text(dataset, "AcquisitionNumber"),
        temporal_position=_text(dataset, "TemporalPositionIdentifier"),
        echo=_text(dataset, "EchoNumbers"),
        kernel=_text(dataset, "ConvolutionKernel"),
        acquisition_time=_text(dataset, "AcquisitionTime"),
        content_time=_text(dataset, "ContentTime"),
    )


def _read_frames(dataset: Dataset, image: DicomSlice) -> Iterator[DicomSlice]:
    """Yield the slices of a file: itself, or its frames with what the functional groups say of each."""
    frames = _items(dataset, PER_FRAME)
    if image.frames_in_file == 1 and not frames:
        yield image
        return
    shared = (_items(dataset, SHARED) or [Dataset()])[0]
    for k in range(image.frames_in_file):
        yield _read_frame(image, k, frames[k] if k < len(frames) else Dataset(), shared)


def _read_frame(image: DicomSlice, k: int, frame: Dataset, shared: Dataset) -> DicomSlice:
    def group(sequence: str) -> Dataset:
        return (_items(frame, sequence) or _items(shared, sequence) or [Dataset()])[0]

    measures, values = group("PixelMeasuresSequence"), group("PixelValueTransformationSequence")
    content = group("FrameContentSequence")
    return replace(
        image,
        frame=k,
        # a position of the file as a whole is not that of its frames
        position_mm=_numbers(group("PlanePositionSequence"), "ImagePositionPatient", 3),
        orientation=_orientation(group("PlaneOrientationSequence")) or image.orientation,
        pixel_mm=_pixel_spacing(measures) or image.pixel_mm,
        thickness_mm=_number(measures, "SliceThickness") or image.thickness_mm,
        slope=_number(values, "RescaleSlope") or image.slope,
        intercept=image.intercept if (own := _number(values, "RescaleIntercept")) is None else own,
        rescale_type=_text(values, "RescaleType").upper() or image.rescale_type,
        image_type=_image_type(group("CTImageFrameTypeSequence"), "FrameType") or image.image_type,
        instance_number=k,
        acquisition=_text(content, "FrameAcquisitionNumber"),
        temporal_position=_text(content, "TemporalPositionIndex"),
        kernel=_text(group("CTReconstructionSequence"), "ConvolutionKernel"),
        stack=_text(content, "StackID"),
    )


def _value(dataset: Dataset, keyword: str) -> Any:
    try:
        return dataset.get(keyword)
    except Exception:  # pydicom converts when asked, and raises whatever a bad value leads to
        return None


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    value = _value(dataset, keyword)
    return list(value) if value else []


def _text(dataset: Dataset, keyword: str) -> str:
    value = _value(dataset, keyword)
    if value is None:
        return ""
    text = value if isinstance(value, str) else "\\".join(map(str, value)) if hasattr(value, "__iter__") else str(value)
    text = text[:LONGEST_TEXT]
    return (text if text.isprintable() else "".join(filter(str.isprintable, text))).strip()


def _image_type(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    text = _text(dataset, keyword).upper()
    return tuple(part.strip() for part in text.split("\\")) if text else ()


def _numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    value = _value(dataset, keyword)
    try:
        numbers = tuple(float(part) for part in ([value] if count == 1 else value))
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and all(abs(number) <= LARGEST_NUMBER for number in numbers) else None


def _number(dataset: Dataset, keyword: str) -> float | None:
    numbers = _numbers(dataset, keyword, 1)
    return numbers[0] if numbers else None


def _whole(dataset: Dataset, keyword: str) -> int | None:
    number = _number(dataset, keyword)
    return None if number is None else int(number)


def _pixel_spacing(dataset: Dataset) -> tuple[float, ...] | None:
    spacing = _numbers(dataset, "PixelSpacing", 2)
    return spacing if spacing and min(spacing) > 0 else None


def _orientation(dataset: Dataset) -> tuple[float, ...] | None:
    """Return the direction cosines, made to unit length; ``None`` where they are no two directions at right angles."""
    cosines = _numbers(dataset, "ImageOrientationPatient", 6)
    if cosines is None:
        return None
    row, column = cosines[:3], cosines[3:]
    lengths = math.hypot(*row), math.hypot(*column)
    if any(abs(length - 1) > 0.01 for length in lengths):
        return None
    if abs(sum(a * b for a, b in zip(row, column, strict=True))) > 0.01:
        return None
    return (*(a / lengths[0] for a in row), *(b / lengths[1] for b in column))
