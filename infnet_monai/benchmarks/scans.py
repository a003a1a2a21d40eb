"""Time to find and read DICOM series, beside GDCM's file names and MONAI's ITKReader."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import itk
import numpy as np
import torch
from monai.data import ITKReader, MetaTensor
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from infnet_monai.scans import load_scan
from infnet_monai.scans.dicom_series import dicom_files, dicom_sources

__all__ = ["ScansCost", "measure_scans"]

TINY_PX = 64


@dataclass(frozen=True)
class ScansCost:
    """CPU seconds on this machine, which leave out what other programs take of it; the ratios carry over to others.

    Attributes:
        series: Series in one flat folder.
        images: Images of each series.
        sources_s: Time of :func:`infnet_monai.scans.dicom_sources` for the folder.
        gdcm_scan_s: Time in which GDCM lists the folder's series once; it does so again for each series that is read.
        load_s: Time to find and read one series of 512 x 512 pixels by this package.
        itk_load_s: Time to read it by MONAI's ITKReader, without any check of positions.
        largest_difference: Largest difference between the two in any voxel.
    """

    series: int
    images: int
    sources_s: float
    gdcm_scan_s: float
    load_s: float
    itk_load_s: float
    largest_difference: float

    @property
    def find_speed_up(self) -> float:
        """Return the speed-up of listing the files of all series."""
        return self.gdcm_scan_s * self.series / self.sources_s

    @property
    def load_speed_up(self) -> float:
        """Return the speed-up of finding and reading one series."""
        return self.itk_load_s / self.load_s


def measure_scans(series: int = 100, images: int = 300, size_px: int = 512, repeats: int = 3) -> ScansCost:
    """Measure on series of noise, written for the purpose.

    Args:
        series: Series in the flat folder, of 64 x 64 pixels each.
        images: Images of each series, also of the one that is read.
        size_px: Rows and columns of the series that is read.
        repeats: Rounds of reading, in turn, of which the median is taken.
    """
    with tempfile.TemporaryDirectory() as folder:
        flat, single = Path(folder) / "flat", Path(folder) / "single"
        for number in range(series):
            _write_series(flat, number, images, TINY_PX)
        _write_series(single, 0, images, size_px)
        _gdcm_names(single)  # the first call imports ITK's classes
        sources_s = _seconds(lambda: dicom_sources(dicom_files(flat), flat, "ct"))
        gdcm_scan_s = _seconds(lambda: _gdcm_names(flat))
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(repeats):
            theirs.append(_seconds(lambda: _itk_load(single)))
            ours.append(_seconds(lambda: load_scan(single)))
        difference = float((load_scan(single)[0] - _itk_load(single)).abs().max())
    return ScansCost(
        series, images, sources_s, gdcm_scan_s, statistics.median(ours), statistics.median(theirs), difference
    )


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _gdcm_names(folder: Path) -> list[str]:
    generator = itk.GDCMSeriesFileNames.New()
    generator.SetUseSeriesDetails(True)
    generator.AddSeriesRestriction("0008|0021")
    generator.SetDirectory(str(folder))
    return list(generator.GetSeriesUIDs())


def _itk_load(folder: Path) -> torch.Tensor:
    reader = ITKReader()
    array, meta = reader.get_data(reader.read(str(folder)))
    voxels = torch.from_numpy(np.require(array, dtype=np.float32, requirements="W"))
    volume: torch.Tensor = MetaTensor.ensure_torch_and_prune_meta(voxels, meta)
    return volume


def _write_series(folder: Path, number: int, images: int, size_px: int) -> None:
    folder.mkdir(exist_ok=True)
    noise = np.random.default_rng(number).integers(-1000, 200, (size_px, size_px), dtype=np.int16)
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = CTImageStorage
    image.Modality, image.SeriesNumber, image.SliceThickness = "CT", number, 1.0
    image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
    image.ImageOrientationPatient, image.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.7, 0.7]
    image.Rows = image.Columns = size_px
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 1
    image.RescaleSlope, image.RescaleIntercept = 1, 0
    for k in range(images):
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        image.InstanceNumber, image.ImagePositionPatient = k + 1, [0, 0, float(k)]
        image.PixelData = (noise + np.int16(k)).tobytes()
        image.save_as(folder / f"{number}_{k}.dcm", enforce_file_format=True)
