"""From the evaluator's volumes to slices, for MONAI's own metrics beside those of the bundles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from monai.utils import CommonKeys
from torch import Tensor

__all__ = ["lesion_slices", "slices"]

Pairs = tuple[list[Tensor], list[Tensor]]


def slices(threshold: float | None = None, lesion_only: bool = False) -> Callable[[Sequence[Mapping]], Pairs]:
    """Make an output transform for metric handlers: decollated volumes to lists of slices.

    Args:
        threshold: Probabilities of at least this become 1, others 0; ``None`` keeps
            probabilities, clipped to [0, 1] where resampling has gone beyond by rounding.
        lesion_only: Leave out slices whose reference is empty.

    Returns:
        A function of the engine's decollated output, whose ``pred`` and ``label`` are ``(1, H, W, D)``; it gives the
        predictions and references as two lists of ``(1, H, W)``. Where no slice is left they hold one pair of NaN, on
        which every metric is undefined, so that each rank has a value to gather.
    """

    def transform(output: Sequence[Mapping]) -> Pairs:
        predictions: list[Tensor] = []
        references: list[Tensor] = []
        for item in output:
            pairs = zip(item[CommonKeys.PRED].unbind(-1), item[CommonKeys.LABEL].unbind(-1), strict=True)
            for prediction, reference in pairs:
                if lesion_only and not reference.any():
                    continue
                predictions.append(prediction.clamp(0, 1) if threshold is None else (prediction >= threshold).float())
                references.append(reference.float())
        if not predictions:
            return [torch.full((1, 1, 1), math.nan)], [torch.full((1, 1, 1), math.nan)]
        return predictions, references

    return transform


def lesion_slices(threshold: float | None = None) -> Callable[[Sequence[Mapping]], Pairs]:
    """Return :func:`slices` without the slices whose reference is empty."""
    return slices(threshold, lesion_only=True)
