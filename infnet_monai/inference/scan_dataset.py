"""Scans one after the other for a bundle's evaluator; a broken one does not end the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch.utils.data import IterableDataset

from infnet_monai.errors import InputError, find_input_error
from infnet_monai.scans.find import find_scans
from infnet_monai.scans.listing import to_segment
from infnet_monai.scans.source import ScanSource

__all__ = ["SCAN_ROOT", "ScanDataset", "name_by_scan"]

logger = logging.getLogger(__name__)

SCAN_ROOT = "/"


class ScanDataset(IterableDataset):
    """Read and transform each scan once, in order.

    Args:
        data: The scans, from :func:`infnet_monai.scans.find_scans`, or files and folders as ``{"image": path}``.
        transform: What is applied to ``{"image": scan}``.

    Attributes:
        failures: One line for each scan that could not be used, after an iteration over all.
    """

    def __init__(self, data: Sequence[ScanSource | Mapping[str, str]], transform: Callable[[Mapping[str, Any]], Any]):
        super().__init__()
        given = [source for source in data if isinstance(source, ScanSource)]
        found = [*given, *find_scans([item["image"] for item in data if not isinstance(item, ScanSource)])]
        usable, skipped, refused = to_segment(found)
        for scan in skipped:
            logger.warning("%s: skipped: %s", scan.title, scan.skip_reason)
        self.data = [*usable, *refused]
        self.transform = transform
        self.failures: list[str] = []

    def __iter__(self) -> Iterator[Any]:
        self.failures = []
        for scan in self.data:
            try:
                item = self.transform({"image": scan})
            except Exception as error:
                cause = find_input_error(error)
                if cause is None:
                    raise
                logger.error("%s", cause)
                self.failures.append(str(cause))
                continue
            item["image"].meta["scan_name"] = scan.name
            yield item
        if len(self.failures) == len(self.data):
            raise InputError(f"none of {len(self.data)} scans could be used, see above")


def name_by_scan(meta: Mapping[str, Any], saver: Any) -> dict[str, Any]:
    """Name results after the scan, with its subfolders, as ``output_name_formatter`` of MONAI's ``SaveImaged``.

    Args:
        meta: Metadata of what is saved, with ``scan_name``.
        saver: The saving transform; its ``data_root_dir`` must be ``SCAN_ROOT``.

    Example:
        >>> name_by_scan({"scan_name": "ward_1/ct.2"}, None)
        {'subject': '/ward_1/ct.2.nii', 'idx': None}
    """
    return {"subject": f"{SCAN_ROOT}{meta['scan_name']}.nii", "idx": None}
