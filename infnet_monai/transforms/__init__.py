"""Dictionary transforms from files to the slices that reach the network."""

from typing import TYPE_CHECKING

from infnet_monai.lazy_exports import import_at_first_use

if TYPE_CHECKING:
    from infnet_monai.transforms.binarize import BinarizeMapd
    from infnet_monai.transforms.lesion_paste import LesionPaste, lung_pixels
    from infnet_monai.transforms.load import LoadScand
    from infnet_monai.transforms.mask import CheckSameGridd, EdgeMapd, LesionMaskd, edge_map
    from infnet_monai.transforms.neighbours import NeighbourSlicesd
    from infnet_monai.transforms.pair_cutmix import PairCutMix
    from infnet_monai.transforms.random_window import RandLungWindowd
    from infnet_monai.transforms.restore import RestoreMapd
    from infnet_monai.transforms.views import WeakAndStrongViews
    from infnet_monai.transforms.window import LungWindowd, intensity_kind, lung_window

__all__ = [
    "BinarizeMapd",
    "CheckSameGridd",
    "EdgeMapd",
    "LesionMaskd",
    "LesionPaste",
    "LoadScand",
    "LungWindowd",
    "NeighbourSlicesd",
    "PairCutMix",
    "RandLungWindowd",
    "RestoreMapd",
    "WeakAndStrongViews",
    "edge_map",
    "intensity_kind",
    "lung_pixels",
    "lung_window",
]

__getattr__ = import_at_first_use(__name__)
