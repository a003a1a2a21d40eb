"""Ignite handlers of training and evaluation that no MONAI handler covers."""

from infnet_monai.handlers.case_tables import CaseTables
from infnet_monai.handlers.checkpoints import BestModel, FinalModel, LastCheckpoint
from infnet_monai.handlers.consistency import ConsistencyUpdate
from infnet_monai.handlers.hard_negatives import HardNegatives
from infnet_monai.handlers.learning_curve import LearningCurve
from infnet_monai.handlers.preview import ValidationPreview
from infnet_monai.handlers.slice_metrics import SliceMetrics
from infnet_monai.handlers.slices import lesion_slices, slices
from infnet_monai.handlers.training import (
    EpochSeeds,
    FirstAndLastValidation,
    GradientClipping,
    LossProgressBar,
    MultiScaleUpdate,
)

__all__ = [
    "BestModel",
    "CaseTables",
    "ConsistencyUpdate",
    "EpochSeeds",
    "FinalModel",
    "FirstAndLastValidation",
    "GradientClipping",
    "HardNegatives",
    "LastCheckpoint",
    "LearningCurve",
    "LossProgressBar",
    "MultiScaleUpdate",
    "SliceMetrics",
    "ValidationPreview",
    "lesion_slices",
    "slices",
]
