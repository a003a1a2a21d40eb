"""Metrics by the protocol of the published tables, and those of the prediction binarised at 0.5."""

from infnet_monai.metrics.absolute_error import mean_absolute_error
from infnet_monai.metrics.clinical import clinical_metrics
from infnet_monai.metrics.counts import ConfusionCounts
from infnet_monai.metrics.cumulative import SegmentationMetrics
from infnet_monai.metrics.curves import ThresholdCurves, adaptive_metrics, enhanced_alignment, threshold_curves
from infnet_monai.metrics.images import CLINICAL_THRESHOLD, ImagePairs
from infnet_monai.metrics.inputs import Protocol, min_max_scaled
from infnet_monai.metrics.paper import paper_metrics
from infnet_monai.metrics.structure import structure_measure
from infnet_monai.metrics.surface import hausdorff_95, header_spacing
from infnet_monai.metrics.table import (
    Metric,
    MetricValues,
    aggregate,
    compute_metrics,
    count_undefined,
    select_metrics,
    summarise,
)

__all__ = [
    "CLINICAL_THRESHOLD",
    "ConfusionCounts",
    "ImagePairs",
    "Metric",
    "MetricValues",
    "Protocol",
    "SegmentationMetrics",
    "ThresholdCurves",
    "adaptive_metrics",
    "aggregate",
    "clinical_metrics",
    "compute_metrics",
    "count_undefined",
    "enhanced_alignment",
    "hausdorff_95",
    "header_spacing",
    "mean_absolute_error",
    "min_max_scaled",
    "paper_metrics",
    "select_metrics",
    "structure_measure",
    "summarise",
    "threshold_curves",
]
