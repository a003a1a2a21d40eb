"""Whether the mask of a scan can be trusted: what the network itself gives away, and an estimate from it."""

from infnet_monai.quality.estimate import QualityEstimate
from infnet_monai.quality.model import QualityModel
from infnet_monai.quality.signals import MapCounts, QualitySignals
from infnet_monai.quality.watch import NetworkWatch

__all__ = ["MapCounts", "NetworkWatch", "QualityEstimate", "QualityModel", "QualitySignals"]
