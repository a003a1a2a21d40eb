"""Loss of unlabelled slices: the student's maps against what a teacher is sure of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.modules.loss import _Loss

from infnet_monai.errors import InputError

__all__ = ["ConsistencyLoss"]

MAPS = ("all", "last")


class ConsistencyLoss(_Loss):
    r"""Cross-entropy plus Dice loss of each segmentation map on the pixels whose pseudo label is confident.

    With the teacher's probability :math:`p`, the pixels :math:`C = \{p < b\} \cup \{p > a\}`, the pseudo label
    :math:`y = [p > a]` and a map's logits :math:`z` with :math:`q = \sigma(z)`:

    .. math::

        L = \sum_{maps} \frac{1}{N} \sum_{C} \text{BCE}(z, y)
            + 1 - \frac{2 \sum_{C} q y + 1}{\sum_{C} (q + y) + 1}

    The cross-entropy is divided by all pixels :math:`N`, so that a teacher who is sure of little teaches little. The
    Dice loss is computed for each slice, averaged, and weighted by the fraction of confident pixels of the slice. It is
    left out for slices without a confident lesion: early in a training these are most of them, and it would teach the
    network to find none.

    Source: the confidence threshold of FixMatch (Sohn et al., NeurIPS 2020, arXiv 2001.07685), for pixels as in
    UniMatch (Yang et al., CVPR 2023, arXiv 2208.09910).

    Args:
        below: Probability under which a pixel counts as surely free of lesion (:math:`b`).
        above: Probability over which a pixel counts as surely lesion (:math:`a`).
        maps: ``"all"`` segmentation maps, as the labelled slices' loss has it, or the ``"last"`` one, the prediction.

    Shape:
        - Input: sequence of logits ``(B, C, H, W)``, the most refined map last; no edge map.
        - Target: the teacher's probability ``(B, C, H, W)`` in [0, 1].
        - Output: scalar in [0, inf).

    Raises:
        InputError: The thresholds are not ``0 < below <= above < 1``, or ``maps`` is no legal value.

    Example:
        >>> probability = torch.tensor([[[[0.95, 0.5, 0.02]]]])
        >>> logits = torch.tensor([[[[20.0, -20.0, -20.0]]]])  # the second pixel does not count
        >>> bool(ConsistencyLoss()([logits], probability) < 1e-6)
        True
    """

    def __init__(self, below: float = 0.1, above: float = 0.9, maps: str = "all"):
        super().__init__()
        if not 0 < below <= above < 1:
            raise InputError(f"confident below {below:g} and above {above:g}: expected 0 < below <= above < 1")
        if maps not in MAPS:
            raise InputError(f"consistency_maps {maps!r}: expected one of {', '.join(MAPS)}")
        self.below, self.above, self.maps = below, above, maps

    def confident(self, probability: Tensor) -> Tensor:
        """Mark the pixels that count, in bool of the shape of the teacher's probability."""
        return (probability < self.below) | (probability > self.above)

    def forward(self, maps: Sequence[Tensor], probability: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            maps: Logits of the segmentation maps, each ``(B, C, H, W)``, the most refined one last.
            probability: The teacher's probability ``(B, C, H, W)``.

        Returns:
            Scalar.

        Raises:
            ValueError: A map and the probability differ in shape.
        """
        confident = self.confident(probability).float()
        lesion = (probability > self.above).float()
        chosen = maps if self.maps == "all" else maps[-1:]
        return torch.stack([self._of_map(logits, lesion, confident) for logits in chosen]).sum()

    def _of_map(self, logits: Tensor, lesion: Tensor, confident: Tensor) -> Tensor:
        if logits.shape != lesion.shape:
            raise ValueError(
                f"map {tuple(logits.shape)} and probability {tuple(lesion.shape)} must have the same shape"
            )
        bce = functional.binary_cross_entropy_with_logits(logits, lesion, weight=confident)
        prediction = torch.sigmoid(logits) * confident
        overlap = (prediction * lesion).sum(dim=(1, 2, 3))
        total = (prediction + lesion).sum(dim=(1, 2, 3))
        dice = (1 - (2 * overlap + 1) / (total + 1)) * confident.mean(dim=(1, 2, 3))
        return bce + (dice * lesion.amax(dim=(1, 2, 3))).mean()
