"""From a folder of images and masks to a data set: found, checked, split by case."""

from infnet_monai.preparation.prepare import PreparedDataset, prepare_dataset

__all__ = ["PreparedDataset", "prepare_dataset"]
