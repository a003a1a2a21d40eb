"""Data sets: datalists, the built-in phantom, and the dataset of slices."""

from infnet_monai.data.datalist import load_datalist, read_datalist
from infnet_monai.data.phantom import phantom_dataset_dir, write_phantom_dataset
from infnet_monai.data.slice_dataset import SliceDataset, case_name

__all__ = [
    "SliceDataset",
    "case_name",
    "load_datalist",
    "phantom_dataset_dir",
    "read_datalist",
    "write_phantom_dataset",
]
