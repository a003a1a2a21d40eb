"""The fixed part of the way from files to the network's input, the same for training, validation and inference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.transforms import CastToTyped, Compose, CropForegroundd, DeleteItemsd, Orientationd, Resized

from infnet_monai.label_scheme import BINARY, LabelScheme
from infnet_monai.lungs import CheckIntensitiesd, LungMaskd, LungRegion
from infnet_monai.scans.load import SLICE_AXES
from infnet_monai.transforms import CheckSameGridd, LesionMaskd, LoadScand, LungWindowd, NeighbourSlicesd

__all__ = ["ScanPreprocessing"]

IMAGE, LUNGS, CHEST, EDGE = "image", "lungs", "chest", "edge"


class ScanPreprocessing(Compose):
    """Read a scan, orient it, find the lungs, check intensities, crop, apply the lung window and resize the slices.

    The image becomes ``(1, H, W, D)`` in [0, 1] (beyond it with ``kept_hu``), rows towards posterior, columns towards
    the patient's left. The ``transforms`` are a flat sequence, and what they do to the image can be undone by MONAI's
    ``Invertd``.

    Args:
        image_size: Height and width of the slices in pixels.
        intensity: Kind of intensities, see :func:`infnet_monai.transforms.lung_window`.
        lung_crop: Whether to look for the lungs and crop to them.
        masks: Keys of the masks that are oriented, cropped and resized with the image; an item may lack them.
        references: Keys of the masks that stay on the grid of the file; an item must have them.
        lesion_labels: Values of the masks that mean lesion, see :class:`infnet_monai.transforms.LesionMaskd`.
        label_scheme: Classes to be distinguished in the masks, which then have a channel for each.
        keep_lungs: Whether ``item["lungs"]`` keeps the lungs and ``item["chest"]`` the chest cavity, on the grid before
            the crop.
        kept_hu: Range of HU to keep beyond the lung window, for :class:`infnet_monai.transforms.RandLungWindowd`.
        neighbour_mm: Distance in mm of the slices below and above that become two more channels, see
            :class:`infnet_monai.transforms.NeighbourSlicesd`; 0 for none.
        normalization: Transforms that follow, e.g. those to the network's channels, mean and standard deviation.

    Example:
        >>> [type(step).__name__ for step in ScanPreprocessing((352, 352)).transforms][:3]
        ['LoadScand', 'Orientationd', 'LungMaskd']
    """

    def __init__(
        self,
        image_size: Sequence[int],
        intensity: str = "auto",
        lung_crop: bool = True,
        masks: Sequence[str] = (),
        references: Sequence[str] = (),
        lesion_labels: int | Sequence[int] | None = None,
        keep_lungs: bool = False,
        kept_hu: tuple[float, float] | None = None,
        neighbour_mm: float = 0,
        normalization: Sequence[Callable] = (),
        label_scheme: LabelScheme = BINARY,
    ):
        moved, size = (IMAGE, *masks), (*image_size, -1)
        modes = ["bilinear", *("nearest" for _ in masks)]
        steps: list[Any] = [LoadScand((*moved, *references), allow_missing_keys=True)]
        if masks or references:
            keys = (*masks, *references)
            steps += [
                CheckSameGridd((IMAGE, *keys), allow_missing_keys=True),
                LesionMaskd([key for key in keys if key != EDGE], lesion_labels, None, bool(masks), label_scheme),
            ]
            if EDGE in keys:
                steps.append(LesionMaskd(EDGE, lesion_labels, allow_missing_keys=True))
        steps += [
            Orientationd(moved, axcodes=SLICE_AXES, labels=None, allow_missing_keys=True),
            LungMaskd(IMAGE, LUNGS, CHEST, intensity=intensity, enabled=lung_crop),
            CheckIntensitiesd(IMAGE, LUNGS, intensity=intensity, enabled=lung_crop),
            CropForegroundd(moved, source_key=CHEST, select_fn=LungRegion(), allow_missing_keys=True),
            LungWindowd(IMAGE, intensity, kept_hu=kept_hu),
            Resized(moved, spatial_size=size, mode=modes, allow_missing_keys=True),
        ]
        if neighbour_mm:
            steps.append(NeighbourSlicesd(IMAGE, neighbour_mm))
        if not keep_lungs:
            steps.append(DeleteItemsd([LUNGS, CHEST]))
        if masks:
            steps.append(CastToTyped(masks, dtype=torch.uint8, allow_missing_keys=True))
        super().__init__([*steps, *normalization])
