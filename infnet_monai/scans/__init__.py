"""The front door: which scans there are in the files and folders that a user names, and how they are read."""

from typing import TYPE_CHECKING

from infnet_monai.lazy_exports import import_at_first_use

if TYPE_CHECKING:
    from infnet_monai.scans.acceptance import Acceptance, ScanSkipped
    from infnet_monai.scans.dicom_series import dicom_sources
    from infnet_monai.scans.find import find_scans
    from infnet_monai.scans.listing import scan_table, scan_text
    from infnet_monai.scans.load import load_scan, load_upright, scan_from_array
    from infnet_monai.scans.source import Problem, ScanHeader, ScanIdentity, ScanSource, Severity

__all__ = [
    "Acceptance",
    "Problem",
    "ScanHeader",
    "ScanIdentity",
    "ScanSkipped",
    "ScanSource",
    "Severity",
    "dicom_sources",
    "find_scans",
    "load_scan",
    "load_upright",
    "scan_from_array",
    "scan_table",
    "scan_text",
]

__getattr__ = import_at_first_use(__name__)
