"""Maps of prepared slices back on the voxels of their scan, without copies of whole scans."""

from __future__ import annotations

from collections.abc import Callable, Hashable, MutableMapping
from copy import deepcopy
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import Compose, MapTransform
from monai.transforms.utils import allow_missing_keys_mode
from torch import Tensor

__all__ = ["RestoreMapd"]


class RestoreMapd(MapTransform):
    """Undo the preprocessing of an image for the maps that a network gives for it.

    MONAI's ``Invertd`` gives the same, and holds the map before it meanwhile.

    Args:
        keys: Keys of the maps ``(C, H, W, D)`` on the voxels of the prepared image; they are taken out of the item that
            is given.
        transform: The preprocessing, a ``Compose`` of invertible transforms.
        orig_key: Key of the prepared image, whose metadata say what was done to it.
    """

    def __init__(self, keys: KeysCollection, transform: Compose, orig_key: str = "image"):
        super().__init__(keys)
        self.transform, self.orig_key = transform, orig_key

    def __call__(self, data: MutableMapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace each map by one ``(C, X, Y, Z)`` on the voxels of the scan."""
        image = data[self.orig_key]
        restored = {key: self._restore(data.pop, key, image) for key in list(self.key_iterator(dict(data)))}
        return {**data, **restored}

    def _restore(self, take: Callable[[Hashable], Tensor], key: Hashable, image: MetaTensor) -> MetaTensor:
        def as_image(voxels: Tensor) -> MetaTensor:
            operations = deepcopy(image.applied_operations)
            return MetaTensor(voxels.detach(), meta=deepcopy(image.meta), applied_operations=operations)

        with allow_missing_keys_mode(self.transform):
            # no name for the map, so that it goes as soon as the first step is undone
            inverted: Any = self.transform.inverse({self.orig_key: as_image(torch.as_tensor(take(key)))})
        return inverted[self.orig_key]
