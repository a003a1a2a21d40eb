"""Dictionary transforms from files to the slices that reach the network."""

from infnet_monai.transforms.load import LoadScand
from infnet_monai.transforms.mask import CheckSameGridd, EdgeMapd, LesionMaskd, edge_map
from infnet_monai.transforms.neighbours import NeighbourSlicesd
from infnet_monai.transforms.random_window import RandLungWindowd
from infnet_monai.transforms.window import LungWindowd, intensity_kind, lung_window

__all__ = [
    "CheckSameGridd",
    "EdgeMapd",
    "LesionMaskd",
    "LoadScand",
    "LungWindowd",
    "NeighbourSlicesd",
    "RandLungWindowd",
    "edge_map",
    "intensity_kind",
    "lung_window",
]
