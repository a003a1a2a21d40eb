"""The front door: which scans there are in the files and folders that a user names, and how they are read."""

from infnet_monai.scans.acceptance import Acceptance, ScanSkipped
from infnet_monai.scans.find import find_scans, series_files
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
    "find_scans",
    "load_scan",
    "load_upright",
    "scan_from_array",
    "series_files",
]
