"""The one table of metrics: logs, CSV files, tables, pages and comparisons show what a row of it says.

To add a metric, add a row. What it computes, it computes from :class:`infnet_monai.metrics.images.ImagePairs`, which
computes what several metrics need only once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

import torch
from torch import Tensor

from infnet_monai.metrics.counts import N_THRESHOLDS
from infnet_monai.metrics.curves import ThresholdCurves
from infnet_monai.metrics.images import ImagePairs
from infnet_monai.metrics.inputs import Protocol
from infnet_monai.metrics.structure import structure_scores

__all__ = [
    "METRICS",
    "Metric",
    "MetricValues",
    "aggregate",
    "compute_metrics",
    "count_undefined",
    "select_metrics",
    "summarise",
]


@dataclass(frozen=True)
class Metric:
    """A row of the table of metrics.

    Args:
        name: Name within its protocol, lower case; a metric with a unit carries it in its name, e.g. ``hd95_mm``.
        heading: Heading of its column in printed tables; empty for a metric that only evaluations of folders write.
        protocol: ``"paper"`` for the protocol behind the published tables (slices only), ``"clinical"`` for the
            prediction as it is, of slices or whole volumes.
        compute: Gives the values (B,) of the images, NaN where undefined; with ``curve`` a curve (B, 256) over the
            thresholds.
        lower_is_better: Whether the smallest value is the best of a table.
        unit: Unit of the values, empty for a plain number.
        curve: Whether ``compute`` gives a curve: its maximum counts, of a data set that of the mean curve.
        costly: Whether it takes too long for the validations during training; evaluations compute it.
    """

    name: str
    heading: str
    protocol: Protocol
    compute: Callable[[ImagePairs], Tensor]
    lower_is_better: bool = False
    unit: str = ""
    curve: bool = False
    costly: bool = False

    @property
    def column(self) -> str:
        """Name where both protocols are side by side: ``paper_NAME`` or ``NAME``."""
        return f"paper_{self.name}" if self.protocol == "paper" else self.name

    @property
    def title(self) -> str:
        """Heading with the unit."""
        return f"{self.heading} ({self.unit})" if self.unit else self.heading


# The columns of printed tables stand in this order.
METRICS: tuple[Metric, ...] = (
    Metric("dice", "Dice", "clinical", lambda images: images.counts.dice()[:, 0]),
    Metric("sensitivity", "Sen.", "clinical", lambda images: images.counts.sensitivity()[:, 0]),
    Metric("specificity", "Spec.", "clinical", lambda images: images.counts.specificity()[:, 0]),
    Metric("precision", "Prec.", "clinical", lambda images: images.counts.precision()[:, 0]),
    Metric("iou", "IoU", "clinical", lambda images: images.counts.iou()[:, 0]),
    Metric("hd95_mm", "HD95", "clinical", attrgetter("hd95_mm"), lower_is_better=True, unit="mm", costly=True),
    Metric("mae", "MAE", "clinical", attrgetter("absolute_error"), lower_is_better=True),
    Metric("mean_dice", "Dice", "paper", attrgetter("means.dice")),
    Metric("mean_sensitivity", "Sen.", "paper", attrgetter("means.sensitivity")),
    Metric("mean_specificity", "Spec.", "paper", attrgetter("means.specificity")),
    Metric("s_measure", "S", "paper", lambda images: structure_scores(images.parts)),
    Metric("mean_e_measure", "E", "paper", attrgetter("means.e_measure")),
    Metric("mae", "MAE", "paper", lambda images: images.parts.absolute_error(), lower_is_better=True),
    *(Metric(f"max_{name}", "", "paper", attrgetter(f"curves.{name}"), curve=True) for name in ThresholdCurves._fields),
    *(Metric(f"adaptive_{name}", "", "paper", attrgetter(f"adaptive.{name}")) for name in ThresholdCurves._fields),
)


class MetricValues(NamedTuple):
    """Values of B images, both float64.

    Args:
        values: One column a metric, (B, K); of a metric with a curve the maximum of the image's own curve.
        curves: Curves of the metrics that have one, (B, M, 256), at the thresholds 1, 254/255, ..., 0.
    """

    values: Tensor
    curves: Tensor


def select_metrics(protocol: Protocol | None = None, printed: bool = False) -> tuple[Metric, ...]:
    """Select rows of the table.

    Args:
        protocol: Protocol of the rows; None for both.
        printed: Whether to leave out those that no printed table shows.

    Example:
        >>> [metric.title for metric in select_metrics("clinical", printed=True)]
        ['Dice', 'Sen.', 'Spec.', 'Prec.', 'IoU', 'HD95 (mm)', 'MAE']
    """
    return tuple(
        metric for metric in METRICS if protocol in (None, metric.protocol) and (metric.heading or not printed)
    )


def compute_metrics(images: ImagePairs, metrics: Sequence[Metric]) -> MetricValues:
    """Compute metrics of images.

    Args:
        images: B predictions and references.
        metrics: K rows of the table.

    Returns:
        Values and curves on the images' device.

    Raises:
        InputError: The images cannot be measured, see :func:`infnet_monai.metrics.inputs.prepared_pair`.
        ValueError: A metric gives something of another shape.

    Example:
        >>> images = ImagePairs(torch.tensor([[[[0.9, 0.6, 0.1, 0.2]]]]), torch.tensor([[[[1, 0, 0, 0]]]]))
        >>> compute_metrics(images, select_metrics("clinical")[:3]).values
        tensor([[0.6667, 1.0000, 0.6667]], dtype=torch.float64)
    """
    with torch.inference_mode():
        columns, curves = [], []
        for metric in metrics:
            found = metric.compute(images).to(torch.float64)
            expected = (len(images), N_THRESHOLDS) if metric.curve else (len(images),)
            if found.shape != expected:
                raise ValueError(f"metric {metric.name!r}: gave shape {tuple(found.shape)}, expected {expected}")
            columns.append(found.amax(1) if metric.curve else found)
            curves += [found] if metric.curve else []
        values = torch.stack(columns, dim=1)
        of_thresholds = torch.stack(curves, dim=1) if curves else values.new_empty(len(images), 0, N_THRESHOLDS)
    return MetricValues(values.clone(), of_thresholds.clone())  # ordinary tensors again


def aggregate(found: MetricValues, metrics: Sequence[Metric]) -> Tensor:
    """Mean of each metric over the images where it is defined, NaN where it is nowhere.

    Args:
        found: Values of images.
        metrics: Rows of the table that they are of.

    Returns:
        float64, (K,); of a metric with a curve the maximum of the mean curve, not the mean of the maxima.
    """
    summary = found.values.nanmean(0)
    with_curve = [position for position, metric in enumerate(metrics) if metric.curve]
    if with_curve:
        summary[with_curve] = found.curves.mean(0).amax(1)
    return summary


def summarise(values: Tensor, names: Sequence[str]) -> dict[str, float]:
    """Compute the mean of each metric over the images where it is defined; NaN where it is nowhere.

    Args:
        values: One row an image and one column a metric, (N, K).
        names: Names of the metrics.

    Example:
        >>> summarise(torch.tensor([[0.5, 1.0], [torch.nan, 0.0]]), ["dice", "mae"])
        {'dice': 0.5, 'mae': 0.5}
    """
    return dict(zip(names, values.nanmean(0).tolist(), strict=True))


def count_undefined(values: Tensor, names: Sequence[str]) -> dict[str, int]:
    """Count on how many of the images each metric is undefined.

    Args:
        values: One row an image and one column a metric, (N, K).
        names: Names of the metrics.
    """
    return dict(zip(names, values.isnan().sum(0).tolist(), strict=True))
