"""Data sets: datalists, the fixed preprocessing, the dataset of slices and the rules for choosing them."""

from infnet_monai.data.balanced_slices import BalancedSlices
from infnet_monai.data.datalist import label_scheme, load_datalist, read_datalist
from infnet_monai.data.preprocessing import ScanPreprocessing
from infnet_monai.data.slice_dataset import SliceDataset, case_name, case_of
from infnet_monai.data.slice_samplers import AllSlices, LesionAndEmptySlices, LesionSlices, SliceSampler
from infnet_monai.label_scheme import read_scheme

__all__ = [
    "AllSlices",
    "BalancedSlices",
    "LesionAndEmptySlices",
    "LesionSlices",
    "ScanPreprocessing",
    "SliceDataset",
    "SliceSampler",
    "case_name",
    "case_of",
    "label_scheme",
    "load_datalist",
    "read_datalist",
    "read_scheme",
]
