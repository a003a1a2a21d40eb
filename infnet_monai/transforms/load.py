"""Reading the scans and masks of an item."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

from infnet_monai.scans.acceptance import named_scan
from infnet_monai.scans.load import UPRIGHT, load_scan

__all__ = ["MASK_KEYS", "LoadScand"]

MASK_KEYS = ("label", "edge", "lung")


class LoadScand(MapTransform):
    """Dictionary version of :func:`infnet_monai.scans.load_scan`.

    An item's ``axes`` applies to its pictures, its ``series`` to DICOM; the codes in its ``accept`` are problems of its
    files that were accepted when the data set was prepared. What is a tensor already, e.g. from
    :func:`infnet_monai.scans.scan_from_array`, stays as it is. Where an item names its ``case``, the metadata of its
    volumes name it too.

    Args:
        keys: Keys whose paths are to be read.
        mask_keys: Those of them whose files hold label values, see :func:`infnet_monai.scans.load_scan`.
        allow_missing_keys: Whether items may lack a key.
    """

    def __init__(
        self, keys: KeysCollection, mask_keys: Sequence[Hashable] = MASK_KEYS, allow_missing_keys: bool = False
    ):
        super().__init__(keys, allow_missing_keys)
        self.mask_keys = frozenset(mask_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace each path by its volume ``(1, X, Y, Z)``."""
        item = dict(data)
        for key in self.key_iterator(item):
            if isinstance(item[key], torch.Tensor):
                continue
            accept = item.get("accept")
            item[key] = load_scan(
                named_scan(item[key], accept) if accept else item[key],
                item.get("axes", UPRIGHT),
                item.get("series", ""),
                mask=key in self.mask_keys,
            )
            if "case" in item:
                item[key].meta["case"] = item["case"]
        return item
