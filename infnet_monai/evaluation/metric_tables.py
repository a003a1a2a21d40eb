"""The row of the published tables, and files of the metrics of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from infnet_monai.evaluation.map_folders import FolderEvaluation
from infnet_monai.evaluation.summary import number_or_none, write_csv
from infnet_monai.files import write_json
from infnet_monai.metrics import Protocol, select_metrics

__all__ = ["describe_protocol", "table_row", "write_evaluation"]

COLUMN_WIDTH = 7
DESCRIPTIONS: dict[Protocol, str] = {
    "paper": "as published: each probability map scaled to its own minimum and maximum, means over 256 thresholds",
    "clinical": "probability maps as they are, threshold 0.5, undefined values left out; HD95 of volumes only, in mm",
}


def describe_protocol(protocol: Protocol) -> str:
    """Say in one line what a protocol's metrics are."""
    return f"{protocol}: {DESCRIPTIONS[protocol]}"


def table_row(summary: Mapping[str, float], protocol: Protocol = "paper") -> str:
    """Format a summary as the row of a table below its head.

    Args:
        summary: Values by metric, as :meth:`infnet_monai.metrics.SegmentationMetrics.summary` gives them.
        protocol: Protocol of the summary.

    Returns:
        Two lines.

    Example:
        >>> names = [metric.name for metric in select_metrics("paper", printed=True)]
        >>> table_row(dict(zip(names, (0.682, 0.692, 0.943, 0.781, 0.838, 0.082)))).split()[-6:]
        ['0.682', '0.692', '0.943', '0.781', '0.838', '0.082']
    """
    columns = [(f"{metric.title:>{COLUMN_WIDTH}}", metric.name) for metric in select_metrics(protocol, printed=True)]
    values = [f"{summary[name]:{len(title)}.3f}" for title, name in columns]
    return " ".join(title for title, _ in columns) + "\n" + " ".join(values)


def write_evaluation(evaluation: FolderEvaluation, path: Path) -> Path:
    """Write summary and circumstances as JSON, and every image's values as CSV beside it.

    Args:
        evaluation: Metrics of a folder.
        path: JSON file to write; undefined values are null in it and empty in the CSV.

    Returns:
        Path of the CSV file, that of the JSON file with another suffix.
    """
    csv = path.with_suffix(".csv")
    table = evaluation.table
    if table["slice"].isna().all():
        table = table.drop(columns="slice")
    write_csv(table, csv)
    content = {
        "protocol": evaluation.protocol,
        "description": describe_protocol(evaluation.protocol),
        "images": len(evaluation.table),
        "summary": {name: number_or_none(value) for name, value in evaluation.summary.items()},
        "undefined": evaluation.undefined,
        "resized": evaluation.resized,
        "maps_without_mask": evaluation.maps_without_mask,
        "masks_without_map": evaluation.masks_without_map,
        "failures": evaluation.failures,
    }
    write_json(content, path)
    return csv
