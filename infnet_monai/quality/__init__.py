"""Whether the mask of a scan can be trusted: what the network itself gives away, and an estimate from it."""

from typing import TYPE_CHECKING

from infnet_monai.lazy_exports import import_at_first_use

if TYPE_CHECKING:
    from infnet_monai.quality.estimate import QualityEstimate
    from infnet_monai.quality.model import QualityModel
    from infnet_monai.quality.signals import MapCounts, QualitySignals
    from infnet_monai.quality.watch import NetworkWatch


__all__ = ["MapCounts", "NetworkWatch", "QualityEstimate", "QualityModel", "QualitySignals"]

__getattr__ = import_at_first_use(__name__)
