"""Lung-infection segmentation on chest CT: Inf-Net and its backbones as a MONAI workflow."""

__version__ = "0.1.0"
