"""Metrics of one case: of each of its slices, and of the whole volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import torch
from monai.data import MetaTensor
from torch import Tensor

from infnet_monai.metrics import ImagePairs, Metric, MetricValues, aggregate, compute_metrics, header_spacing
from infnet_monai.metrics.counts import N_THRESHOLDS

__all__ = ["CaseMetrics", "case_table", "mean_over_lesion_slices", "measure_case", "slice_table"]

SLICES_AT_ONCE = 32  # bounds the memory of the float64 products


@dataclass(frozen=True)
class CaseMetrics:
    """Metrics of a case; the columns of all values are the K metrics asked for, float64.

    Args:
        case: Name of the case.
        lesion: Whether the reference of each of the D slices holds a lesion.
        lesion_slices: Values of the slices with lesion.
        other_slices: Values of the other slices, (N, K), NaN for metrics of the paper's protocol; None where they
            were not asked for.
        volume: Values of the whole volume, (K,), NaN for metrics of the paper's protocol; None where they were not
            asked for.
        lesion_class: Column name of the lesion class that was measured; empty where there is only one.
    """

    case: str
    lesion: Sequence[bool]
    lesion_slices: MetricValues
    other_slices: Tensor | None = None
    volume: Tensor | None = None
    lesion_class: str = ""

    def cpu(self) -> CaseMetrics:
        """Return the same with all values on the CPU."""
        return replace(
            self,
            lesion_slices=MetricValues(*(values.cpu() for values in self.lesion_slices)),
            other_slices=None if self.other_slices is None else self.other_slices.cpu(),
            volume=None if self.volume is None else self.volume.cpu(),
        )


def measure_case(
    prediction: Tensor, reference: Tensor, case: str, metrics: Sequence[Metric], details: bool = True
) -> CaseMetrics:
    """Measure a case, slice by slice along its last axis.

    Args:
        prediction: Probabilities (1, H, W, D), clipped to [0, 1] where resampling has gone beyond by rounding.
        reference: Mask of 0 and 1, same shape; a MetaTensor has its spacing in its metadata, without which distances
            are undefined.
        case: Name of the case.
        metrics: Rows of the table of metrics.
        details: Whether to measure the slices without lesion and the whole volume too, by the metrics of the clinical
            protocol.

    Returns:
        The values, on the device of the prediction.

    Raises:
        InputError: The values cannot be measured; the message names case and slice.
    """
    spacing = header_spacing(reference) if isinstance(reference, MetaTensor) else None
    pred = prediction.as_subclass(Tensor).detach().clamp(0, 1)
    mask = reference.as_subclass(Tensor).detach().to(pred.device)
    slices = pred.movedim(-1, 0), mask.movedim(-1, 0)
    lesion = (slices[1] != 0).flatten(1).any(1)  # any() of uint8 would be uint8
    in_plane = None if spacing is None else spacing[:2]
    with_lesion = _measure_slices(*slices, lesion, case, metrics, in_plane)
    if not details:
        return CaseMetrics(case, lesion.tolist(), with_lesion)
    clinical = [metric for metric in metrics if metric.protocol == "clinical"]
    others = _measure_slices(*slices, ~lesion, case, clinical, in_plane).values
    volume = compute_metrics(ImagePairs(pred[None], mask[None], [spacing], [case]), clinical).values
    return CaseMetrics(
        case, lesion.tolist(), with_lesion, _clinical_columns(others, metrics), _clinical_columns(volume, metrics)[0]
    )


def _measure_slices(
    pred: Tensor,
    reference: Tensor,
    chosen: Tensor,
    case: str,
    metrics: Sequence[Metric],
    spacing: Sequence[float] | None,
) -> MetricValues:
    """Measure the chosen (D,) of the slices (D, 1, H, W)."""
    parts = [
        MetricValues(
            torch.empty(0, len(metrics), dtype=torch.float64, device=pred.device),
            torch.empty(0, sum(m.curve for m in metrics), N_THRESHOLDS, dtype=torch.float64, device=pred.device),
        )
    ]
    for some in chosen.nonzero().flatten().split(SLICES_AT_ONCE):
        if len(some):
            names = [f"{case}, slice {k + 1}" for k in some.tolist()]
            images = ImagePairs(pred[some], reference[some], [spacing] * len(some), names)
            parts.append(compute_metrics(images, metrics))
    return MetricValues(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _clinical_columns(values: Tensor, metrics: Sequence[Metric]) -> Tensor:
    """Put values of the clinical metrics (N, ...) into the columns of all metrics (N, K)."""
    columns = values.new_full((len(values), len(metrics)), torch.nan)
    columns[:, [metric.protocol == "clinical" for metric in metrics]] = values
    return columns


def mean_over_lesion_slices(cases: Sequence[CaseMetrics], metrics: Sequence[Metric]) -> dict[str, float]:
    """Compute the mean of each metric over the slices with lesion of all cases; NaN where there is none.

    Args:
        cases: Cases, all on one device.
        metrics: Rows of the table of metrics that they were measured by.

    Returns:
        Values by the metrics' columns.
    """
    if not cases:
        return {metric.column: float("nan") for metric in metrics}
    found = MetricValues(*(torch.cat(parts) for parts in zip(*(case.lesion_slices for case in cases), strict=True)))
    return dict(zip([metric.column for metric in metrics], aggregate(found, metrics).tolist(), strict=True))


def slice_table(cases: Sequence[CaseMetrics], metrics: Sequence[Metric]) -> pd.DataFrame:
    """Put the slices of measured cases into a table.

    Args:
        cases: Cases measured with details.
        metrics: Rows of the table of metrics that they were measured by.

    Returns:
        One row a slice: ``case``, ``class`` where there are several, ``slice`` (from 1) and the metrics, NaN where
        undefined.
    """
    columns = [metric.column for metric in metrics]
    tables = [pd.DataFrame(columns=["case", "slice", *columns])]
    for case in cases:
        lesion = torch.tensor(case.lesion)
        values = torch.full((len(lesion), len(metrics)), torch.nan, dtype=torch.float64)
        values[lesion] = case.lesion_slices.values.cpu()
        if case.other_slices is not None:
            values[~lesion] = case.other_slices.cpu()
        table = pd.DataFrame(values.numpy(), columns=columns)
        table.insert(0, "case", case.case)
        table.insert(1, "slice", range(1, len(lesion) + 1))
        if case.lesion_class:
            table.insert(1, "class", case.lesion_class)
        tables.append(table)
    return pd.concat(tables[1:] or tables, ignore_index=True)


def case_table(cases: Sequence[CaseMetrics], metrics: Sequence[Metric]) -> pd.DataFrame:
    """Put the whole volumes of measured cases into a table.

    Args:
        cases: Cases measured with details.
        metrics: Rows of the table of metrics that they were measured by.

    Returns:
        One row a case: ``case``, ``class`` where there are several, and the metrics of the clinical protocol, NaN where
        undefined.
    """
    positions = [position for position, metric in enumerate(metrics) if metric.protocol == "clinical"]
    measured = [case for case in cases if case.volume is not None]
    rows = [[case.case, *case.volume[positions].tolist()] for case in measured if case.volume is not None]
    table = pd.DataFrame(rows, columns=["case", *(metrics[position].column for position in positions)])
    if any(case.lesion_class for case in measured):
        table.insert(1, "class", [case.lesion_class for case in measured])
    return table
