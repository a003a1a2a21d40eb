"""Trainings of bundles in processes of their own, resumed from wherever they were interrupted."""

from typing import TYPE_CHECKING

from infnet_monai.lazy_exports import import_at_first_use

if TYPE_CHECKING:
    from infnet_monai.training.bundle_training import BundleTraining
    from infnet_monai.training.child import WorkflowFailed
    from infnet_monai.training.recipe import Recipe, parse_overrides

__all__ = ["BundleTraining", "Recipe", "WorkflowFailed", "parse_overrides"]

__getattr__ = import_at_first_use(__name__)
