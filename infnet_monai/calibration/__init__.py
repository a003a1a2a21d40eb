"""Calibrating and testing the estimate of quality on held-out scans and damaged copies of them."""

from infnet_monai.calibration.calibrate import CalibrationOptions, calibrate
from infnet_monai.calibration.held_out import HeldOutModel, find_held_out, unseen_test_cases

__all__ = ["CalibrationOptions", "HeldOutModel", "calibrate", "find_held_out", "unseen_test_cases"]
