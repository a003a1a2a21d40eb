"""Lesions of labelled slices copied into the lungs of other slices."""

from __future__ import annotations

import math

import numpy as np
import torch
from monai.transforms import Randomizable
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from infnet_monai.errors import InputError

__all__ = ["LesionPaste", "lung_pixels"]

ROTATION, SCALING, SHIFT = math.pi / 6, 0.3, 0.15


def lung_pixels(images: Tensor) -> Tensor:
    """Find the pixels of slices that look like lung: darker than the slice's mean, and no air around the patient.

    Dark pixels that are connected with the slice's border count as air around the patient. Lungs that the border
    cuts are left out with it: a lesion rather is not pasted than pasted into air.

    Args:
        images: Slices ``(B, C, H, W)`` of any linear scale of intensities; the first channel counts.

    Returns:
        bool ``(B, 1, H, W)`` on the device of the images.

    Example:
        >>> image = torch.ones(1, 1, 5, 7)
        >>> image[0, 0, 2, 2:4] = image[0, 0, :, 6] = 0
        >>> lung_pixels(image).nonzero()[:, 2:].tolist()
        [[2, 2], [2, 3]]
    """
    dark = (images[:, :1] < images[:, :1].mean(dim=(2, 3), keepdim=True)).cpu().numpy()
    lungs = np.zeros_like(dark)
    for row, (slice_,) in enumerate(dark):
        pieces, _ = ndimage.label(slice_)
        border = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
        lungs[row, 0] = slice_ & ~np.isin(pieces, border)
    return torch.from_numpy(lungs).to(images.device)


class LesionPaste(Randomizable):
    """Paste the lesions of a random labelled slice into a slice's lungs, mirrored, rotated, scaled and shifted.

    What falls outside the lungs is cut off. Pasted pixels are lesion for certain, whatever the teacher said there.

    Source: copying lesions with their masks as in TumorCP (Yang et al., MICCAI 2021, arXiv 2107.09843).

    Args:
        prob: Probability that a slice gets lesions pasted.

    Raises:
        InputError: The probability is not in [0, 1].
    """

    def __init__(self, prob: float = 0.5):
        if not 0 <= prob <= 1:
            raise InputError(f"paste_probability {prob:g}: expected a probability from 0 to 1")
        self.prob = prob

    def __call__(
        self, images: Tensor, probability: Tensor, lungs: Tensor, donors: Tensor, masks: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Paste.

        Args:
            images: Slices to paste into, ``(B, C, H, W)``.
            probability: The teacher's probability of the K classes in them, ``(B, K, H, W)``.
            lungs: Their pixels that lesions may be pasted into, bool ``(B, 1, H, W)``.
            donors: Labelled slices of the same intensities, ``(N, C, H, W)``.
            masks: Their lesions, ``(N, K, H, W)``, 0 or 1.

        Returns:
            Images and probability with the lesions, as new tensors.
        """
        with_lesion = torch.nonzero(masks.flatten(1).any(dim=1)).flatten().tolist()
        rows = [row for row in range(len(images)) if self.R.random() < self.prob]
        if not with_lesion or not rows:
            return images, probability
        chosen = [with_lesion[self.R.randint(len(with_lesion))] for _ in rows]
        lesion_images, pasted = self._moved(donors[chosen], masks[chosen].to(donors.dtype))
        images, probability = images.clone(), probability.clone()
        pasted = pasted & lungs[rows]
        lesion = pasted.any(dim=1, keepdim=True)
        images[rows] = torch.where(lesion, lesion_images, images[rows])
        probability[rows] = torch.where(lesion, pasted.to(probability.dtype), probability[rows])
        return images, probability

    def _moved(self, donors: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Move each donor and its mask by one random affine map; lesions that leave the slice are lost."""
        maps = torch.tensor(np.stack([self._random_map() for _ in donors]), dtype=donors.dtype, device=donors.device)
        grid = functional.affine_grid(maps, list(donors.shape), align_corners=False)
        images = functional.grid_sample(donors, grid, align_corners=False)
        return images, functional.grid_sample(masks, grid, mode="nearest", align_corners=False) > 0.5

    def _random_map(self) -> np.ndarray:
        """A (2, 3) map from the coordinates of the result, from -1 to 1, to those of the donor."""
        angle = self.R.uniform(-ROTATION, ROTATION)
        scale = self.R.uniform(1 - SCALING, 1 + SCALING)
        mirror = self.R.choice([-1.0, 1.0])
        rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        linear = rotation @ np.diag([mirror, 1.0]) / scale
        return np.column_stack([linear, self.R.uniform(-SHIFT, SHIFT, 2) * 2])
