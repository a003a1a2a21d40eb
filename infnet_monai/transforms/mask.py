"""Lesion masks: label values to 0 and 1, the check against the image, and edge maps."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import ensure_tuple
from torch import Tensor
from torch.nn import functional

from infnet_monai.errors import InputError
from infnet_monai.label_scheme import BINARY, LabelScheme

__all__ = ["CheckSameGridd", "EdgeMapd", "LesionMaskd", "edge_map"]

AFFINE_TOLERANCE_MM = 1e-2
DEFAULT_LESION_LABELS = BINARY.classes[0].labels


def edge_map(mask: Tensor) -> Tensor:
    """Draw the one-pixel-wide inner contour of a mask.

    Args:
        mask: Binary mask ``(..., H, W)``.

    Returns:
        Contour of the same shape and dtype: pixels of the mask with a 4-neighbour outside it. The image's border
        does not count as outside.

    Example:
        >>> mask = torch.zeros(1, 5, 5)
        >>> mask[:, 1:4, 1:4] = 1
        >>> int(edge_map(mask).sum())
        8
    """
    outside = (1 - mask.float()).reshape(-1, 1, *mask.shape[-2:])
    near = torch.maximum(
        functional.max_pool2d(outside, (3, 1), 1, (1, 0)), functional.max_pool2d(outside, (1, 3), 1, (0, 1))
    )
    return (near.reshape(mask.shape) * mask).to(mask.dtype)


class EdgeMapd(MapTransform):
    """Add the edge map of each mask slice, of all its classes together, unless the item brings one from file.

    Args:
        keys: Key of the mask ``(C, H, W)``.
        edge_key: Key of the edge map; kept where it is there already.
    """

    def __init__(self, keys: KeysCollection, edge_key: str = "edge"):
        super().__init__(keys)
        self.edge_key = edge_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Set ``data[edge_key]`` where it is missing."""
        item = dict(data)
        for key in self.key_iterator(item):
            if self.edge_key not in item:
                item[self.edge_key] = edge_map(item[key].amax(dim=0, keepdim=True))
        return item


class LesionMaskd(MapTransform):
    """Turn label values into binary lesion masks, one for each class; 0 is always background.

    Values given here win over an item's own ``lesion_labels`` and ``background_labels`` (those of its data set, from
    ``dataset.json``), which win over the defaults. Where only the lesion labels are given, what the data set calls
    lesion beside them becomes background.

    Args:
        keys: Keys of the labels.
        lesion_labels: Value or values that mean lesion. By default the item's own, or else 1, 2 and 255, which 8-bit
            pictures of masks hold.
        background_labels: Value or values beside 0 that are legal but no lesion. By default the item's own, or none.
        allow_missing_keys: Whether items may lack a key.
        scheme: Classes to be distinguished; with a single one the values above decide what is lesion.

    Example:
        >>> item = {"label": torch.tensor([[0, 1, 2]]), "lesion_labels": [1, 2]}
        >>> LesionMaskd("label", lesion_labels=2)(item)["label"].tolist()
        [[0, 0, 1]]
        >>> classes = LabelScheme.from_names({"ground glass": 1, "consolidation": 2})
        >>> LesionMaskd("label", scheme=classes)(item)["label"].tolist()
        [[0, 1, 0], [0, 0, 1]]
    """

    def __init__(
        self,
        keys: KeysCollection,
        lesion_labels: int | Sequence[int] | None = None,
        background_labels: int | Sequence[int] | None = None,
        allow_missing_keys: bool = False,
        scheme: LabelScheme = BINARY,
    ):
        super().__init__(keys, allow_missing_keys)
        self.scheme = scheme
        self.lesion_labels = None if lesion_labels is None else ensure_tuple(lesion_labels)
        self.background_labels = None if background_labels is None else ensure_tuple(background_labels)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace each label ``(1, ...)`` by uint8 masks ``(C, ...)`` of 0 and 1.

        Raises:
            InputError: A label holds a value that is neither lesion nor background; the message names the file.
        """
        item = dict(data)
        lesion, background = self._values(item)
        classes = [lesion] if self.scheme.is_single else [one.labels for one in self.scheme]
        for key in self.key_iterator(item):
            label = item[key]
            unknown = set(np.unique(np.asarray(label)).tolist()) - {*lesion, *background}
            if unknown:
                source = label.meta.get("filename_or_obj", key)
                raise InputError(
                    f"{source}: label values {_numbers(unknown)} are unknown; lesion is {_numbers(lesion)}, "
                    f"background {_numbers(background)}. Correct the mask or name them in lesion_labels."
                )
            masks = [torch.isin(label, torch.tensor(values, dtype=label.dtype)).to(torch.uint8) for values in classes]
            item[key] = masks[0] if len(masks) == 1 else torch.cat(masks)
        return item

    def _values(self, item: Mapping[Hashable, Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Lesion and background values for an item."""
        own_lesion, own_background = item.get("lesion_labels", ()), item.get("background_labels", ())
        lesion = self.lesion_labels or tuple(own_lesion) or DEFAULT_LESION_LABELS
        if not self.scheme.is_single:
            lesion = tuple(value for one in self.scheme for value in one.labels)
        background = (*own_background, *own_lesion) if self.background_labels is None else self.background_labels
        return lesion, (0, *(value for value in background if value not in lesion))


def _numbers(values: Any) -> str:
    return ", ".join(f"{value:g}" for value in sorted(values)[:8])


class CheckSameGridd(MapTransform):
    """Refuse items whose volumes are not on one grid (shape and affine).

    Args:
        keys: Key of the image first, then of its masks.
        allow_missing_keys: Whether items may lack a key.
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the item unchanged.

        Raises:
            InputError: A mask differs from the image in shape or affine; the message names both files.
        """
        item = dict(data)
        image = item[self.keys[0]]
        for key in self.key_iterator(item):
            mask = item[key]
            names = (
                f"{mask.meta.get('filename_or_obj', key)}: does not fit {image.meta.get('filename_or_obj', 'image')}"
            )
            if mask.shape != image.shape:
                raise InputError(
                    f"{names}: shape {tuple(mask.shape[1:])}, not {tuple(image.shape[1:])}. Give this image's mask."
                )
            if not torch.allclose(mask.affine, image.affine, atol=AFFINE_TOLERANCE_MM):
                raise InputError(
                    f"{names}: the affines differ. Resample the mask to the image, or copy the image's affine "
                    "if only the header is wrong."
                )
        return item
