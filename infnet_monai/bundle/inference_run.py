"""Start and end of a bundle's segmentation of scans."""

from __future__ import annotations

import logging
from pathlib import Path

from infnet_monai.errors import InputError
from infnet_monai.inference.scan_dataset import ScanDataset

__all__ = ["finish_inference", "start_inference"]

logger = logging.getLogger(__name__)


def start_inference(bundle_root: str | Path, scans: ScanDataset, output_dir: str | Path) -> None:
    """Make sure that nothing is overwritten.

    Args:
        bundle_root: Folder of the bundle.
        scans: What is to be segmented.
        output_dir: Folder of the masks.

    Raises:
        InputError: A mask is there already.
    """
    masks = [Path(str(output_dir)) / f"{scan.name}_infection.nii.gz" for scan in scans.data]
    if existing := [mask for mask in masks if mask.exists()]:
        raise InputError(f"{existing[0]} is there already ({len(existing)} in all): move it or give another output_dir")
    logger.info("Segmenting %d scans with %s.", len(masks), Path(bundle_root).resolve().name)


def finish_inference(scans: ScanDataset, output_dir: str | Path) -> None:
    """Say where the masks are stored, and what was skipped; with scans that failed the run ends with an error.

    Args:
        scans: What was segmented.
        output_dir: Folder of the masks.

    Raises:
        InputError: There were such scans.
    """
    done = len(scans.data) - len(scans.failures) - len(scans.skipped)
    logger.info("%d masks (NAME_infection.nii.gz): %s", done, output_dir)
    if scans.warned:
        logger.warning("%d scans with warnings, see above: %s", len(scans.warned), ", ".join(scans.warned))
    if scans.skipped:
        logger.warning("%d of %d scans skipped:\n%s", len(scans.skipped), len(scans.data), "\n".join(scans.skipped))
    if scans.failures:
        raise InputError(
            f"{len(scans.failures)} of {len(scans.data)} scans could not be used:\n" + "\n".join(scans.failures)
        )
