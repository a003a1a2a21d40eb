"""The figures of the published tables, and those a clinician would get."""

from infnet_monai.metrics.absolute_error import mean_absolute_error
from infnet_monai.metrics.clinical import CLINICAL_MEASURES, clinical_measures
from infnet_monai.metrics.counts import ConfusionCounts
from infnet_monai.metrics.cumulative import SegmentationMeasures
from infnet_monai.metrics.curves import ThresholdCurves, adaptive_measures, enhanced_alignment, threshold_curves
from infnet_monai.metrics.inputs import Protocol, min_max_scaled
from infnet_monai.metrics.paper import PAPER_MEASURES, PaperMeasures, paper_measures
from infnet_monai.metrics.structure import structure_measure
from infnet_monai.metrics.summary import count_undefined, summarise
from infnet_monai.metrics.surface import hausdorff_95

__all__ = [
    "CLINICAL_MEASURES",
    "PAPER_MEASURES",
    "ConfusionCounts",
    "PaperMeasures",
    "Protocol",
    "SegmentationMeasures",
    "ThresholdCurves",
    "adaptive_measures",
    "clinical_measures",
    "count_undefined",
    "enhanced_alignment",
    "hausdorff_95",
    "mean_absolute_error",
    "min_max_scaled",
    "paper_measures",
    "structure_measure",
    "summarise",
    "threshold_curves",
]
