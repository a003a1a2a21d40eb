"""What a prepared scan has to be told of or skipped for: the warnings about it, and lungs that were not found."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from infnet_monai.scans.acceptance import Acceptance, ScanSkipped
from infnet_monai.scans.source import Problem, Severity

__all__ = ["NO_LUNGS", "LogWarningsd", "scan_warnings"]

logger = logging.getLogger(__name__)

NO_LUNGS = Problem(
    "no-lungs", "no lungs found: not a chest CT, or the lungs are cut off or too dense to be seen", Severity.SKIPPED
)
WITHOUT_LUNGS = "no lungs were found; the whole slices were segmented, and nothing outside the chest was removed"


def scan_warnings(
    image: MetaTensor, lungs: MetaTensor | None, lung_crop: bool, acceptance: Acceptance | None = None
) -> tuple[str, ...]:
    """Return what a user should know of a scan after its preprocessing.

    Args:
        image: The scan; ``meta["warnings"]`` holds what the steps before have noted.
        lungs: Its lungs, if they are known.
        lung_crop: Whether lungs were looked for; in pictures, which have no spacing, they never are.
        acceptance: Problems that are accepted; all by default.

    Returns:
        One sentence each, none of them twice.

    Raises:
        ScanSkipped: No lungs were found, and that is not accepted.
    """
    warnings = list(image.meta.get("warnings", ()))
    sought = lung_crop and image.meta.get("spacing_known", True)
    if sought and lungs is not None and not lungs.any():
        if acceptance is not None and not acceptance.accepts(NO_LUNGS):
            raise ScanSkipped(str(image.meta.get("filename_or_obj", "image")), NO_LUNGS.message)
        warnings.append(WITHOUT_LUNGS)
    return tuple(dict.fromkeys(warnings))


class LogWarningsd(MapTransform):
    """Log what a user should know of a scan, for programs such as MONAI Label that read no records.

    Scans of a :class:`infnet_monai.inference.ScanDataset`, which logs the same, are passed over.

    Args:
        keys: Key of the image after its preprocessing.
        lung_key: Key of its lungs; an item may lack them.
        lung_crop: Whether lungs were looked for.
    """

    def __init__(self, keys: KeysCollection, lung_key: str = "lungs", lung_crop: bool = True):
        super().__init__(keys)
        self.lung_key, self.lung_crop = lung_key, lung_crop

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Log the warnings of ``data``, which stays as it is."""
        item = dict(data)
        for key in self.key_iterator(item):
            image = item[key]
            if "scan_name" not in image.meta:
                for warning in scan_warnings(image, item.get(self.lung_key), self.lung_crop):
                    logger.warning("%s: %s", image.meta.get("filename_or_obj", key), warning)
        return item
