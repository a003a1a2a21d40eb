"""Trainings of bundles in processes of their own, resumed from wherever they were interrupted."""

from infnet_monai.training.bundle_training import BundleTraining
from infnet_monai.training.child import WorkflowFailed
from infnet_monai.training.recipe import Recipe, parse_overrides

__all__ = ["BundleTraining", "Recipe", "WorkflowFailed", "parse_overrides"]
