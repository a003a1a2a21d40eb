"""The front door: which scans there are in the files and folders that a user names."""

from infnet_monai.scans.find import ScanIdentity, ScanSource, find_scans, series_files

__all__ = ["ScanIdentity", "ScanSource", "find_scans", "series_files"]
