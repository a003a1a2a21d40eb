"""The built-in thorax phantom: a data set for demos and tests."""

from infnet_monai.phantom.phantom import phantom_dataset_dir, write_phantom_dataset

__all__ = ["phantom_dataset_dir", "write_phantom_dataset"]
