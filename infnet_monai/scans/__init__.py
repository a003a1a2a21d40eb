"""The front door: which scans lie in the files and folders that a user names."""

from infnet_monai.scans.find import ScanSource, find_scans, series_files

__all__ = ["ScanSource", "find_scans", "series_files"]
