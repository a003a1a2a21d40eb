"""The measures of a protocol as one MONAI metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from monai.data import MetaTensor
from monai.metrics import CumulativeIterationMetric
from torch import Tensor

from infnet_monai.errors import InputError
from infnet_monai.metrics.clinical import CLINICAL_MEASURES, clinical_measures
from infnet_monai.metrics.curves import ThresholdCurves
from infnet_monai.metrics.inputs import Protocol, case_name, check_protocol
from infnet_monai.metrics.paper import PAPER_MEASURES, paper_measures
from infnet_monai.metrics.summary import count_undefined, summarise

__all__ = ["SegmentationMeasures"]

Spacing = Sequence[float] | Literal["header"] | None


class SegmentationMeasures(CumulativeIterationMetric):
    """All measures of a protocol, gathered over images and ranks: one row of named values per image.

    Call it with maps and references, either as batches (B, 1, H, W[, D]) or as the lists of (1, H, W[, D]) that
    decollation gives, whose sizes may differ. A list without images adds none.

    Args:
        protocol: ``"paper"`` for the published figures of slices (:func:`paper_measures`), ``"clinical"`` for those
            at the threshold 0.5 of slices or whole volumes (:func:`clinical_measures`).
        spacing_mm: for HD95 of the clinical protocol: one pixel or voxel spacing for all, or ``"header"`` to take it
            from each reference's own MetaTensor; None measures in pixels.

    Attributes:
        names: Which measure each column of the values is.

    Example:
        >>> measures = SegmentationMeasures("clinical")
        >>> _ = measures([torch.tensor([[[0.9, 0.2]]])], [torch.tensor([[[1, 0]]])])
        >>> measures.summary()["dice"], measures.undefined()["dice"]
        (1.0, 0)
    """

    def __init__(self, protocol: Protocol = "paper", spacing_mm: Spacing = None) -> None:
        super().__init__()
        check_protocol(protocol)
        self.protocol = protocol
        self.spacing_mm = spacing_mm
        self.names: tuple[str, ...] = PAPER_MEASURES if protocol == "paper" else CLINICAL_MEASURES

    def extend(self, *data: Any) -> None:
        """Add rows to the buffers; no rows are no error."""
        if len(data[0]):
            super().extend(*data)

    def aggregate(self) -> Tensor:
        """The summary over all images and ranks, float64, one value per name.

        Means over the images where a measure is defined, NaN where it is nowhere; the paper's ``max_*`` is the
        maximum of the mean curve, not the mean of the maxima.
        """
        summary = self.get_buffer().nanmean(0)
        if self.protocol == "paper":
            maxima = [self.names.index(f"max_{curve}") for curve in ThresholdCurves._fields]
            summary[maxima] = self.mean_curves().amax(1)
        return summary

    def summary(self) -> dict[str, float]:
        """:meth:`aggregate` by name."""
        return summarise(self.aggregate()[None], self.names)

    def undefined(self) -> dict[str, int]:
        """On how many images each measure was undefined and left out of the mean."""
        return count_undefined(self.get_buffer(), self.names)

    def get_buffer(self) -> Tensor:
        """Values of all images, ranks one after the other: float64 (N, number of names)."""
        return self._gathered()[0]

    def mean_curves(self) -> Tensor:
        """The paper's curves, averaged over images: float64 (4, 256), rows as in :class:`ThresholdCurves`."""
        return self._gathered()[1].mean(0)

    def _gathered(self) -> list[Tensor]:
        buffers = super().get_buffer()
        if buffers is None:
            raise RuntimeError("no image was measured yet: call the metric with maps and references first")
        return buffers if isinstance(buffers, list) else [buffers]

    def _compute_tensor(self, y_pred: Tensor, y: Tensor | None = None, **kwargs: Any) -> Any:
        if y is None:
            raise InputError("the measures need a reference for each map")
        if self.spacing_mm == "header":
            raise InputError("spacing_mm='header' needs lists of single images: decollate the batch")
        spacing = None if self.spacing_mm is None else [self.spacing_mm] * len(y_pred)
        return self._measure(y_pred, y, spacing, kwargs.get("names"))

    def _compute_list(self, y_pred: Any, y: Any = None, **kwargs: Any) -> Any:
        if y is None or len(y_pred) != len(y):
            raise InputError(f"{len(y_pred)} maps came with {0 if y is None else len(y)} references: give one for each")
        names = kwargs.get("names") or [_name_of(image, index) for index, image in enumerate(y)]
        spacing = self._spacings_of(y)
        shapes = {image.shape for image in (*y_pred, *y)}
        alike_slices = len(shapes) == 1 and len(*shapes) == 3
        at_once = len(y) if alike_slices else 1
        rows = []
        for start in range(0, len(y), at_once):
            some = slice(start, start + at_once)
            rows.append(
                self._measure(_stacked(y_pred[some]), _stacked(y[some]), spacing and spacing[some], names[some])
            )
        return [torch.cat(parts) for parts in zip(*rows, strict=True)] if rows else [torch.empty(0)]

    def _measure(self, pred: Tensor, reference: Tensor, spacing: Any, names: Sequence[str] | None) -> Sequence[Tensor]:
        if self.protocol == "paper":
            return paper_measures(pred, reference, names)
        return [clinical_measures(pred, reference, spacing, names)]

    def _spacings_of(self, images: Sequence[Tensor]) -> list[Sequence[float]] | None:
        if self.spacing_mm is None:
            return None
        return [_header_spacing(image) if self.spacing_mm == "header" else self.spacing_mm for image in images]


def _header_spacing(image: Tensor) -> list[float]:
    if not isinstance(image, MetaTensor):
        raise InputError("spacing_mm='header' needs references that are MetaTensors: load them with MONAI")
    return image.pixdim[: image.ndim - 1].tolist()


def _stacked(images: Sequence[Tensor]) -> Tensor:
    return torch.stack([image.as_subclass(Tensor).detach() for image in images])


def _name_of(image: Tensor, index: int) -> str:
    meta = image.meta if isinstance(image, MetaTensor) else {}
    return str(meta.get("filename_or_obj") or case_name(None, index))
