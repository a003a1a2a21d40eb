"""Summary of evaluated scans in groups: with lesions, with large lesions, without lesions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from infnet_monai.evaluation.agreement import Agreement, difference_agreement, ratio_agreement
from infnet_monai.evaluation.bootstrap import MeanInterval, mean_interval

__all__ = ["GROUPS", "LARGE_LESION_ML", "QUANTITIES", "GroupSummary", "ScanGroup", "summarise_groups"]

LARGE_LESION_ML = 50.0
# What prediction and reference both measure: the unit, and the columns of the two.
QUANTITIES: Mapping[str, tuple[str, str]] = {
    "ml": ("predicted_ml", "reference_ml"),
    "percent_of_lung": ("predicted_percent_of_lung", "reference_percent_of_lung"),
}
LESION_METRICS: Mapping[str, str] = {
    "dice": "Dice of the volume",
    "lesion_slice_dice": "Dice, mean of lesion slices",
    "sensitivity": "Sensitivity",
    "precision": "Precision",
    "hd95_mm": "HD95 (mm)",
    "absolute_error_ml": "Absolute error (ml)",
    "volume_error_ml": "Predicted - reference (ml)",
    "relative_error_percent": "Predicted - reference (%)",
    "percent_of_lung_absolute_error": "Absolute error (% of the lungs)",
    "false_positive_ml": "False positive (ml)",
    "lesion_free_slices_false_positive_ml": "... in lesion-free slices (ml)",
    "false_negative_ml": "False negative (ml)",
}
LESION_FREE_METRICS: Mapping[str, str] = {
    "false_positive_ml": "False positive (ml)",
    "predicted_percent_of_lung": "False positive (% of the lungs)",
}


@dataclass(frozen=True)
class ScanGroup:
    """Scans that are summarised together.

    Attributes:
        name: Key of ``summary.json``.
        title: Heading of the group.
        holds: Chooses the rows of the table of scans.
        metrics: Headings of the metrics by column.
    """

    name: str
    title: str
    holds: Callable[[pd.DataFrame], pd.Series]
    metrics: Mapping[str, str]


GROUPS = (
    ScanGroup("with_lesions", "Scans with lesions", lambda table: table["reference_ml"] > 0, LESION_METRICS),
    ScanGroup(
        "large_lesions",
        f"Scans with more than {LARGE_LESION_ML:g} ml of lesion",
        lambda table: table["reference_ml"] > LARGE_LESION_ML,
        LESION_METRICS,
    ),
    ScanGroup(
        "without_lesions", "Scans without lesions", lambda table: table["reference_ml"] == 0, LESION_FREE_METRICS
    ),
)


@dataclass(frozen=True)
class GroupSummary:
    """Summary of a group of scans.

    Attributes:
        title: Heading of the group.
        scans: Number of its scans.
        metrics: Mean and interval of each metric by column.
        agreement: Agreement of prediction and reference by name: ``ml`` and ``percent_of_lung`` of the differences,
            ``ml_ratio`` and ``percent_of_lung_ratio`` of the ratios; empty for scans without lesions.
    """

    title: str
    scans: int
    metrics: Mapping[str, MeanInterval]
    agreement: Mapping[str, Agreement]

    def as_dict(self) -> dict[str, Any]:
        """Return the content for JSON."""
        return asdict(self)


def summarise_groups(table: pd.DataFrame, seed: int = 0) -> dict[str, GroupSummary]:
    """Summarise each group of :data:`GROUPS`.

    Args:
        table: One row a scan, with the columns of :class:`infnet_monai.evaluation.scan_metrics.ScanMetrics`.
        seed: Seed of the bootstrap.

    Returns:
        The summaries by name of the group, those without scans too.
    """
    return {group.name: _summarise(table[group.holds(table)], group, seed) for group in GROUPS}


def _summarise(scans: pd.DataFrame, group: ScanGroup, seed: int) -> GroupSummary:
    agreement: dict[str, Agreement] = {}
    if group.metrics is LESION_METRICS:
        for name, columns in QUANTITIES.items():
            pair = [scans[column] for column in columns]
            agreement |= {name: difference_agreement(*pair), f"{name}_ratio": ratio_agreement(*pair)}
    metrics = {name: mean_interval(scans[name], seed) for name in group.metrics}
    return GroupSummary(group.title, len(scans), metrics, agreement)
