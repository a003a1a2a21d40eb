"""A tiny synthetic CT series written with pydicom."""

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = (1, 0, 0, 0, 1, 0)


def write_series(folder, rows, columns, slices, orientation=AXIAL, spacing_mm=(2.0, 1.5, 4.0), prefix="image"):
    """Write a series with shuffled file names; its voxel values count up from the first image's first pixel.

    `spacing_mm` is between rows, between columns, between slices. Returns the values, (slices, rows, columns).
    """
    folder.mkdir(parents=True, exist_ok=True)
    series = {name: generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")}
    normal = np.cross(orientation[:3], orientation[3:])
    values = np.arange(slices * rows * columns, dtype=np.int16).reshape(slices, rows, columns)
    for k in range(slices):
        position = np.array([-20.0, 30.0, -100.0]) + k * spacing_mm[2] * normal
        image = _image(values[k], orientation, position, spacing_mm, series)
        image.save_as(folder / f"{prefix}_{(k * 7 + 3) % 10}_{k}.dcm", enforce_file_format=True)
    return values


def _image(pixels, orientation, position, spacing_mm, series):
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = CTImageStorage
    image.SOPInstanceUID = generate_uid()
    for name, uid in series.items():
        setattr(image, name, uid)
    image.Modality = "CT"
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
    image.PixelData = pixels.tobytes()
    return image
