"""Scans one after the other for a bundle's evaluator; a broken one does not end the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch.utils.data import IterableDataset

from infnet_monai.errors import InputError, find_input_error
from infnet_monai.inference.scan_checks import scan_warnings
from infnet_monai.scans.acceptance import Acceptance, ScanSkipped
from infnet_monai.scans.find import find_scans
from infnet_monai.scans.source import ScanSource

__all__ = ["SCAN_ROOT", "ScanDataset", "name_by_scan"]

logger = logging.getLogger(__name__)

SCAN_ROOT = "/"


class ScanDataset(IterableDataset):
    """Read and transform each scan once, in order.

    Args:
        data: The scans, from :func:`infnet_monai.scans.find_scans`, or files and folders as ``{"image": path}``.
        transform: What is applied to ``{"image": scan}``; gives ``image`` and, with ``lung_crop``, ``lungs``.
        accept: Codes of problems that are accepted, see :class:`infnet_monai.scans.Acceptance`.
        all_scans: Use, too, what does not look like a chest CT.
        lung_crop: Whether ``transform`` looks for lungs; a scan without them is skipped.

    Attributes:
        failures: One line for each scan that could not be used, after an iteration over all.
        skipped: Likewise for each scan that is not taken for a chest CT.
        warned: Names of the scans with warnings, which are logged.

    Raises:
        InputError: ``accept`` holds an unknown code, or no scan is found.
    """

    def __init__(
        self,
        data: Sequence[ScanSource | Mapping[str, str]],
        transform: Callable[[Mapping[str, Any]], Any],
        accept: str | Sequence[str] = (),
        all_scans: bool = False,
        lung_crop: bool = False,
    ):
        super().__init__()
        self.acceptance, self.lung_crop = Acceptance(accept, all_scans), lung_crop  # type: ignore[arg-type]
        given = [source for source in data if isinstance(source, ScanSource)]
        self.data = [*given, *find_scans([str(item["image"]) for item in data if not isinstance(item, ScanSource)])]
        self.transform = transform
        self._start()

    def _start(self) -> None:
        self.failures: list[str] = []
        self.skipped: list[str] = []
        self.warned: list[str] = []

    def __iter__(self) -> Iterator[Any]:
        self._start()
        for scan in self.data:
            try:
                item = self._read(scan)
            except Exception as error:
                cause = find_input_error(error)
                if cause is None:
                    raise
                skipped = isinstance(cause, ScanSkipped)
                logger.log(logging.WARNING if skipped else logging.ERROR, "%s", cause)
                (self.skipped if skipped else self.failures).append(str(cause))
                continue
            yield item
        if len(self.failures) + len(self.skipped) == len(self.data):
            raise InputError(f"none of {len(self.data)} scans could be used, see above")

    def _read(self, scan: ScanSource) -> Any:
        item = self.transform({"image": self.acceptance.admit(scan)})
        image = item["image"]
        warnings = scan_warnings(image, item.get("lungs"), self.lung_crop, self.acceptance)
        image.meta.pop("warnings", None)  # lists of different lengths cannot be batched
        image.meta["scan_name"] = scan.name
        for warning in warnings:
            logger.warning("%s: %s", scan.name, warning)
        if warnings:
            self.warned.append(scan.name)
        return item


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
