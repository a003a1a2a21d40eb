"""Data sets: datalists and the dataset of slices."""

from infnet_monai.data.datalist import load_datalist, read_datalist
from infnet_monai.data.slice_dataset import SliceDataset, case_name

__all__ = [
    "SliceDataset",
    "case_name",
    "load_datalist",
    "read_datalist",
]
