"""The metrics of a protocol as one MONAI metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from monai.data import MetaTensor
from monai.metrics import CumulativeIterationMetric
from torch import Tensor

from infnet_monai.errors import InputError
from infnet_monai.metrics.images import ImagePairs, Spacing
from infnet_monai.metrics.inputs import Protocol, case_name, check_protocol
from infnet_monai.metrics.surface import header_spacing
from infnet_monai.metrics.table import MetricValues, aggregate, compute_metrics, count_undefined, select_metrics

__all__ = ["SegmentationMetrics"]


class SegmentationMetrics(CumulativeIterationMetric):
    """All metrics of a protocol, gathered over images and ranks: one row of named values per image.

    Call it with predictions and references, either as batches (B, 1, H, W[, D]) or as the lists of (1, H, W[, D])
    that decollation gives, whose sizes may differ. A list without images adds none.

    Args:
        protocol: ``"paper"`` for the metrics of the published tables, of slices
            (:func:`infnet_monai.metrics.paper_metrics`), ``"clinical"`` for those at the threshold 0.5, of slices or
            whole volumes (:func:`infnet_monai.metrics.clinical_metrics`).
        spacing_mm: For distances in mm: one pixel or voxel spacing for all, or ``"header"`` to take it from each
            reference's own MetaTensor; None where it is not known.

    Attributes:
        metrics: Which row of the table of metrics each column of the values is of.
        names: Their names.

    Example:
        >>> metrics = SegmentationMetrics("clinical")
        >>> _ = metrics([torch.tensor([[[0.9, 0.2]]])], [torch.tensor([[[1, 0]]])])
        >>> metrics.summary()["dice"], metrics.undefined()["dice"]
        (1.0, 0)
    """

    def __init__(self, protocol: Protocol = "paper", spacing_mm: Spacing | Literal["header"] = None) -> None:
        super().__init__()
        check_protocol(protocol)
        self.protocol = protocol
        self.spacing_mm = spacing_mm
        self.metrics = select_metrics(protocol)
        self.names = tuple(metric.name for metric in self.metrics)

    def extend(self, *data: Any) -> None:
        """Add rows to the buffers; no rows are no error."""
        if len(data[0]):
            super().extend(*data)

    def aggregate(self) -> Tensor:
        """Return the summary over all images and ranks, float64 (K,): see :func:`infnet_monai.metrics.aggregate`."""
        return aggregate(self._gathered(), self.metrics)

    def summary(self) -> dict[str, float]:
        """Return :meth:`aggregate` by name."""
        return dict(zip(self.names, self.aggregate().tolist(), strict=True))

    def undefined(self) -> dict[str, int]:
        """Return on how many images each metric was undefined and left out of the mean."""
        return count_undefined(self.get_buffer(), self.names)

    def get_buffer(self) -> Tensor:
        """Return the values of all images, ranks one after the other: float64 (N, K)."""
        return self._gathered().values

    def mean_curves(self) -> Tensor:
        """Return the paper's curves, averaged over images: float64 (4, 256), rows as in :class:`ThresholdCurves`."""
        return self._gathered().curves.mean(0)

    def _gathered(self) -> MetricValues:
        buffers = super().get_buffer()
        if buffers is None:
            raise RuntimeError("no image was measured yet: call the metric with predictions and references first")
        return MetricValues(*buffers)

    def _compute_tensor(self, y_pred: Tensor, y: Tensor | None = None, **kwargs: Any) -> Any:
        if y is None:
            raise InputError("the metrics need a reference for each prediction")
        if self.spacing_mm == "header":
            raise InputError("spacing_mm='header' needs lists of single images: decollate the batch")
        return self._measure(y_pred, y, [self.spacing_mm] * len(y_pred), kwargs.get("names"))

    def _compute_list(self, y_pred: Any, y: Any = None, **kwargs: Any) -> Any:
        if y is None or len(y_pred) != len(y):
            raise InputError(
                f"{len(y_pred)} predictions came with {0 if y is None else len(y)} references: give one for each"
            )
        names = kwargs.get("names") or [_name_of(image, index) for index, image in enumerate(y)]
        spacing = [header_spacing(image) if self.spacing_mm == "header" else self.spacing_mm for image in y]
        shapes = {image.shape for image in (*y_pred, *y)}
        alike_slices = len(shapes) == 1 and len(*shapes) == 3
        at_once = len(y) if alike_slices else 1
        rows = []
        for start in range(0, len(y), at_once):
            some = slice(start, start + at_once)
            rows.append(self._measure(_stacked(y_pred[some]), _stacked(y[some]), spacing[some], names[some]))
        return [torch.cat(parts) for parts in zip(*rows, strict=True)] if rows else [torch.empty(0)]

    def _measure(self, pred: Tensor, reference: Tensor, spacing: Any, names: Sequence[str] | None) -> list[Tensor]:
        return [*compute_metrics(ImagePairs(pred, reference, spacing, names), self.metrics)]


def _stacked(images: Sequence[Tensor]) -> Tensor:
    return torch.stack([image.as_subclass(Tensor).detach() for image in images])


def _name_of(image: Tensor, index: int) -> str:
    meta = image.meta if isinstance(image, MetaTensor) else {}
    return str(meta.get("filename_or_obj") or case_name(None, index))
