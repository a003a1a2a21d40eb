"""Boxes exchanged between the slices of a batch, with the probability maps that belong to them."""

from __future__ import annotations

import math

import torch
from monai.transforms import Randomizable
from torch import Tensor

from infnet_monai.errors import InputError

__all__ = ["PairCutMix"]

AREA, LOG_ASPECT = (0.02, 0.4), -math.log(0.3)


class PairCutMix(Randomizable):
    """Replace a box of a slice by that of the next slice in the batch, the last one's by that of the first.

    Each box has 2 to 40 % of the slice's area, an aspect from 0.3 to 3.3, and lies wholly in the slice. MONAI's
    ``CutMix`` has one corner for all boxes of a batch, leaves half of all batches of two as they are, and indexes
    tensors by lists, which PyTorch has deprecated.

    Source: Yun et al., CutMix (ICCV 2019, arXiv 1905.04899); ranges of the boxes as in UniMatch (Yang et al., CVPR
    2023, arXiv 2208.09910).

    Args:
        prob: Probability that a slice gets a box.

    Raises:
        InputError: The probability is not in [0, 1].

    Example:
        >>> images = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 8, 8)
        >>> mixed, probability = PairCutMix(prob=1)(images, images)
        >>> 0 < mixed[0].sum() < 64, bool((mixed == probability).all())
        (tensor(True), True)
    """

    def __init__(self, prob: float = 0.5):
        if not 0 <= prob <= 1:
            raise InputError(f"cutmix_probability {prob:g}: expected a probability from 0 to 1")
        self.prob = prob

    def __call__(self, images: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
        """Exchange boxes.

        Args:
            images: Slices ``(B, C, H, W)``; a single one stays as it is.
            probability: Probability maps of the same slices, ``(B, C, H, W)``.

        Returns:
            Both with the same boxes exchanged, as new tensors.
        """
        box = torch.zeros(probability.shape, dtype=torch.bool)
        for row in range(len(images)):
            if self.R.random() < self.prob:
                rows, columns = self._random_box(*images.shape[-2:])
                box[row, :, rows, columns] = True
        box = box.to(images.device)
        return torch.where(box, images.roll(-1, 0), images), torch.where(box, probability.roll(-1, 0), probability)

    def _random_box(self, height: int, width: int) -> tuple[slice, slice]:
        area = self.R.uniform(*AREA)
        aspect = math.exp(self.R.uniform(-LOG_ASPECT, LOG_ASPECT))
        rows = min(height, max(1, round(height * math.sqrt(area * aspect))))
        columns = min(width, max(1, round(width * math.sqrt(area / aspect))))
        top, left = self.R.randint(height - rows + 1), self.R.randint(width - columns + 1)
        return slice(top, top + rows), slice(left, left + columns)
