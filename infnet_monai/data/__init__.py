"""Data sets: datalists, the fixed preprocessing and the dataset of slices."""

from infnet_monai.data.datalist import load_datalist, read_datalist
from infnet_monai.data.preprocessing import ScanPreprocessing
from infnet_monai.data.slice_dataset import SliceDataset, case_name

__all__ = [
    "ScanPreprocessing",
    "SliceDataset",
    "case_name",
    "load_datalist",
    "read_datalist",
]
