"""Evaluation of folders of predicted masks of whole scans."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

from infnet_monai.errors import InputError
from infnet_monai.evaluation.bootstrap import CONFIDENCE, RESAMPLES
from infnet_monai.evaluation.scan_cases import ScanCase, find_scan_cases
from infnet_monai.evaluation.scan_groups import GroupSummary, summarise_groups
from infnet_monai.evaluation.scan_masks import LabelValues, load_scan_masks
from infnet_monai.evaluation.scan_metrics import ScanMetrics, measure_scan
from infnet_monai.evaluation.summary import number_or_none

__all__ = ["ScanEvaluation", "ScanFolders", "evaluate_scans"]

logger = logging.getLogger(__name__)

FACTS = ("reference", "lungs", "prediction", "model")  # columns behind the metrics: where a row is from


@dataclass(frozen=True)
class ScanFolders:
    """What is evaluated against what.

    Attributes:
        predictions: Folders of predicted masks.
        references: Folder of reference masks; ``None`` where all scans are free of lesions.
        lungs: Folder of lung masks; a scan without one gets that beside its prediction.
        lesion_free: Names of scans without lesions, see
            :func:`infnet_monai.evaluation.scan_cases.find_scan_cases`.
        labels: Values of the references.
        seed: Seed of the bootstrap.
    """

    predictions: Sequence[Path]
    references: Path | None = None
    lungs: Path | None = None
    lesion_free: Sequence[str] = ()
    labels: LabelValues = field(default_factory=LabelValues)
    seed: int = 0


@dataclass
class ScanEvaluation:
    """Metrics of scans, and what has to be known to trust them.

    Attributes:
        folders: What was evaluated.
        table: One row a scan: ``case``, the metrics, and where the row is from (``reference``: ``file`` or ``named
            lesion-free``; ``lungs``: ``given`` or ``prediction``; ``prediction``; ``model``).
        groups: Summary of each group of scans.
        failures: One line for each scan that could not be measured, by name.
        without_reference: Names of predictions without a reference, left out.
        without_prediction: Names of references without a prediction, left out.
    """

    folders: ScanFolders
    table: pd.DataFrame
    groups: Mapping[str, GroupSummary]
    failures: Mapping[str, str]
    without_reference: Sequence[str]
    without_prediction: Sequence[str]

    @property
    def with_predicted_lungs(self) -> list[str]:
        """Names of the scans whose lungs are those that the segmentation found itself."""
        return self.table.loc[self.table["lungs"] == "prediction", "case"].tolist()

    @property
    def without_lungs(self) -> list[str]:
        """Names of the scans whose fractions of the lungs are undefined."""
        return self.table.loc[self.table["lung_ml"].isna(), "case"].tolist()

    def as_dict(self) -> dict[str, Any]:
        """Return the content of ``summary.json``."""
        return {
            **asdict(self.folders),
            "scans": len(self.table),
            "interval": {"confidence": CONFIDENCE, "method": "percentile bootstrap", "resamples": RESAMPLES},
            "groups": {name: group.as_dict() for name, group in self.groups.items()},
            "models": sorted(set(self.table["model"]) - {""}),
            "failures": dict(self.failures),
            "without_reference": list(self.without_reference),
            "without_prediction": list(self.without_prediction),
            "with_predicted_lungs": self.with_predicted_lungs,
            "without_lungs": self.without_lungs,
        }


def evaluate_scans(folders: ScanFolders) -> ScanEvaluation:
    """Measure every predicted mask against the reference of the same name, over all slices of the scan.

    A scan that cannot be measured is listed as a failure and left out.

    Args:
        folders: What is evaluated against what.

    Returns:
        The metrics of each scan and their summary.

    Raises:
        InputError: A folder is missing, no prediction has a reference, or no scan could be measured.
    """
    found = find_scan_cases(folders.predictions, folders.references, folders.lungs, folders.lesion_free)
    rows, failures = [], dict(found.failures)
    for number, case in enumerate(found.cases, start=1):
        logger.info("%d of %d: %s", number, len(found.cases), case.name)
        try:
            metrics = measure_scan(load_scan_masks(case, folders.labels))
        except InputError as error:
            failures[case.name] = str(error)
            continue
        rows.append({"case": case.name, **asdict(metrics), **_facts(case, metrics)})
    if not rows:
        raise InputError("\n".join([*failures.values(), "No scan could be measured."]))
    table = pd.DataFrame(rows, columns=["case", *(column.name for column in fields(ScanMetrics)), *FACTS])
    return ScanEvaluation(
        folders,
        table,
        summarise_groups(table, folders.seed),
        failures,
        found.without_reference,
        found.without_prediction,
    )


def _facts(case: ScanCase, metrics: ScanMetrics) -> dict[str, str]:
    return {
        "reference": "file" if case.reference else "named lesion-free",
        "lungs": "" if number_or_none(metrics.lung_ml) is None else case.lungs_from,
        "prediction": str(case.prediction),
        "model": case.model,
    }
