"""The row of the published tables, and files of measures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infnet_monai.evaluation.map_folders import FolderEvaluation
from infnet_monai.metrics import Protocol

__all__ = ["TABLE_COLUMNS", "describe_protocol", "table_row", "write_evaluation"]

TABLE_COLUMNS: dict[Protocol, dict[str, str]] = {
    "paper": {
        "Dice": "mean_dice",
        "Sen.": "mean_sensitivity",
        "Spec.": "mean_specificity",
        "S": "s_measure",
        "E": "mean_e_measure",
        "MAE": "mae",
    },
    "clinical": {
        "Dice": "dice",
        "Sen.": "sensitivity",
        "Spec.": "specificity",
        "Prec.": "precision",
        "IoU": "iou",
        "HD95": "hd95",
        "MAE": "mae",
    },
}
DESCRIPTIONS: dict[Protocol, str] = {
    "paper": "as published: every map scaled to its own minimum and maximum, means over 256 thresholds",
    "clinical": "maps as they are, threshold 0.5, undefined values left out; HD95 in mm (pictures, arrays: pixels)",
}


def describe_protocol(protocol: Protocol) -> str:
    """Say in one line what a protocol's figures are."""
    return f"{protocol}: {DESCRIPTIONS[protocol]}"


def table_row(summary: Mapping[str, float], protocol: Protocol = "paper") -> str:
    """Format a summary as the row of a table below its head.

    Args:
        summary: Values by measure, as :meth:`infnet_monai.metrics.SegmentationMeasures.summary` gives them.
        protocol: Of the summary.

    Returns:
        Two lines.

    Example:
        >>> names = TABLE_COLUMNS["paper"].values()
        >>> table_row(dict(zip(names, (0.682, 0.692, 0.943, 0.781, 0.838, 0.082)))).split()[-6:]
        ['0.682', '0.692', '0.943', '0.781', '0.838', '0.082']
    """
    columns = TABLE_COLUMNS[protocol]
    return (
        " ".join(f"{title:>7}" for title in columns)
        + "\n"
        + " ".join(f"{summary[name]:7.3f}" for name in columns.values())
    )


def write_evaluation(evaluation: FolderEvaluation, path: Path) -> Path:
    """Write summary and circumstances as JSON, and every image's values as CSV beside it.

    Args:
        evaluation: What :func:`infnet_monai.evaluation.map_folders.evaluate_map_folders` returns.
        path: Of the JSON; undefined values are null in it and empty in the CSV.

    Returns:
        Path of the CSV, that of the JSON with another suffix.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {
        "protocol": evaluation.protocol,
        "description": describe_protocol(evaluation.protocol),
        "images": len(evaluation.table),
        "summary": {name: None if math.isnan(value) else value for name, value in evaluation.summary.items()},
        "undefined": evaluation.undefined,
        "resized": evaluation.resized,
        "maps_without_mask": evaluation.maps_without_mask,
        "masks_without_map": evaluation.masks_without_map,
        "failures": evaluation.failures,
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    csv = path.with_suffix(".csv")
    table = evaluation.table
    if table["slice"].isna().all():
        table = table.drop(columns="slice")
    table.to_csv(csv, index=False)
    return csv
