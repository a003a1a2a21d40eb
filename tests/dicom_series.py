"""Tiny synthetic CT series written with pydicom."""

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = (1, 0, 0, 0, 1, 0)
CORONAL = (1, 0, 0, 0, 0, -1)
CORNER = (-20.0, 30.0)
VALUES_PER_MM = 10


def write_series(folder, rows, columns, slices, orientation=AXIAL, spacing_mm=(2.0, 1.5, 4.0), prefix="image"):
    """Write a series with shuffled file names; its voxel values count up from the first image's first pixel.

    `spacing_mm` is between rows, between columns, between slices. Returns the values, (slices, rows, columns).
    """
    normal = np.cross(orientation[:3], orientation[3:])
    values = np.arange(slices * rows * columns, dtype=np.int16).reshape(slices, rows, columns)
    positions = [np.array([*CORNER, -100.0]) + k * spacing_mm[2] * normal for k in range(slices)]
    write_slices(folder, positions, values, orientation, spacing_mm, prefix)
    return values


def new_series(number=None, description=""):
    """The tags of a series of its own."""
    tags = {name: generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")}
    return tags | {"SeriesNumber": number, "SeriesDescription": description}


def write_slices(
    folder, positions, values, orientation=AXIAL, spacing_mm=(2.0, 1.5, 4.0), prefix="image", series=None, tags=None
):
    """Write one image for each position, LPS, with its pixels (rows, columns).

    `tags` are set in all images; one that is a function gets the number of the image, and `None` deletes the tag.
    """
    folder.mkdir(parents=True, exist_ok=True)
    series = series or new_series()
    files = []
    for k, (position, pixels) in enumerate(zip(positions, values, strict=True)):
        image = make_image(np.asarray(pixels), orientation, position, spacing_mm, series)
        image.InstanceNumber = k + 1
        for name, value in (tags or {}).items():
            own = value(k) if callable(value) else value
            if own is None:
                del image[name]
            else:
                setattr(image, name, own)
        files.append(folder / f"{prefix}_{(k * 7 + 3) % 10}_{k}.dcm")
        save(image, files[-1])
    return files


def write_heights(folder, heights_mm, shift=lambda k: (0.0, 0.0), rows=4, columns=5, **options):
    """Write axial slices in which every pixel's value is its height in the patient, in mm."""
    positions = [(CORNER[0] + shift(k)[0], CORNER[1] + shift(k)[1], z) for k, z in enumerate(heights_mm)]
    values = [np.full((rows, columns), round(z * VALUES_PER_MM), np.int16) for z in heights_mm]
    tags = {"RescaleSlope": 1 / VALUES_PER_MM} | options.pop("tags", {})
    return write_slices(folder, positions, values, tags=tags, **options)


def write_enhanced(file, heights_mm, rows=4, columns=5, order=None, stacks=None, spacing_mm=(2.0, 1.5, 4.0)):
    """Write an Enhanced CT whose frames hold their heights, in an order of the file, with the StackID of each."""
    heights = [heights_mm[k] for k in (order or range(len(heights_mm)))]
    values = np.stack([np.full((rows, columns), round(z), np.int16) for z in heights])
    image = make_image(values[0], AXIAL, (0, 0, 0), spacing_mm, new_series())
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        del image[name]
    del image.RescaleSlope, image.RescaleIntercept
    image.SOPClassUID = EnhancedCTImageStorage
    image.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    image.NumberOfFrames = len(heights)
    image.SharedFunctionalGroupsSequence = [
        dataset(
            PixelMeasuresSequence=[dataset(PixelSpacing=list(spacing_mm[:2]), SliceThickness=spacing_mm[2])],
            PlaneOrientationSequence=[dataset(ImageOrientationPatient=list(map(float, AXIAL)))],
            PixelValueTransformationSequence=[dataset(RescaleSlope=1, RescaleIntercept=-1000, RescaleType="HU")],
        )
    ]
    image.PerFrameFunctionalGroupsSequence = [
        dataset(
            PlanePositionSequence=[dataset(ImagePositionPatient=[*CORNER, float(z)])],
            FrameContentSequence=[dataset(StackID=stacks[k] if stacks else "1")],
        )
        for k, z in enumerate(heights)
    ]
    image.PixelData = (values + 1000).tobytes()
    save(image, file)
    return file


def dataset(**elements):
    """A data set with these elements."""
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def save(image, file):
    """Write a file whose meta information names the object, as the standard wants it."""
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save_as(file, enforce_file_format=True)


def make_image(pixels, orientation, position, spacing_mm, series):
    """A CT image of signed 16-bit pixels."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = CTImageStorage
    image.SOPInstanceUID = generate_uid()
    for name, value in series.items():
        setattr(image, name, value)
    image.Modality = "CT"
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.PatientID, image.PatientName = "phantom", "Phantom^Chest"
    image.PatientBirthDate = image.PatientSex = image.StudyID = image.AccessionNumber = ""
    image.StudyDate = image.SeriesDate = "20200101"
    image.StudyTime = "120000"
    image.ImageOrientationPatient = list(map(float, orientation))
    image.ImagePositionPatient = [round(float(mm), 6) for mm in position]
    image.PixelSpacing = list(spacing_mm[:2])
    image.SliceThickness = spacing_mm[2]
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 1
    image.RescaleSlope, image.RescaleIntercept = 1, 0
    image.PixelData = pixels.astype(np.int16).tobytes()
    return image
