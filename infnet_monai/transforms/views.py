"""Weak and strong views of one unlabelled slice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.transforms import Compose, Transform
from monai.utils import convert_to_tensor

from infnet_monai.errors import InputError

__all__ = ["WeakAndStrongViews"]


class WeakAndStrongViews(Transform):
    """Give a slice as a weak view, which a teacher predicts, and strong views, from which a student learns.

    Strong views start from the weak one. They may therefore change intensities only: a pixel of the teacher's
    prediction and of a strong view is the same place.

    Source: FixMatch (Sohn et al., NeurIPS 2020, arXiv 2001.07685); more than one strong view: UniMatch (Yang et al.,
    CVPR 2023, arXiv 2208.09910).

    Args:
        weak: Random transforms of ``image`` that may move pixels: flips, small affine changes.
        strong: Random transforms of ``image`` that leave pixels where they are.
        normalization: Transforms of ``image`` to the network's channels, mean and standard deviation.
        strong_views: Number of strong views.

    Raises:
        InputError: There is not even one strong view.

    Example:
        >>> item = WeakAndStrongViews([], [], [], strong_views=2)({"image": torch.zeros(1, 8, 6), "case": "a"})
        >>> item["image"].shape, item["strong"].shape, item["case"]
        (torch.Size([1, 8, 6]), torch.Size([2, 1, 8, 6]), 'a')
    """

    def __init__(
        self,
        weak: Sequence[Callable],
        strong: Sequence[Callable],
        normalization: Sequence[Callable],
        strong_views: int = 1,
    ):
        if strong_views < 1:
            raise InputError(f"strong_views {strong_views}: expected at least 1")
        self.weak = Compose(weak)
        self.strong = Compose(strong)
        self.normalization = Compose(normalization)
        self.strong_views = strong_views

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace ``image`` ``(1, H, W)`` in [0, 1] by its weak view ``(C, H, W)``; add ``strong`` ``(K, C, H, W)``."""
        weak: Any = self.weak(dict(data))
        strong = [self._normalized(self.strong({"image": weak["image"].clone()})) for _ in range(self.strong_views)]
        return {**data, "image": self._normalized({"image": weak["image"]}), "strong": torch.stack(strong)}

    def _normalized(self, item: Any) -> torch.Tensor:
        normalized: Any = self.normalization(item)
        return convert_to_tensor(normalized["image"], track_meta=False)
