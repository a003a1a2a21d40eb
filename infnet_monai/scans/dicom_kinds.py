"""What kind of images a stack of DICOM slices holds, by what its headers say of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infnet_monai.scans.dicom_headers import DicomSlice
from infnet_monai.scans.source import Problem, Severity

__all__ = ["holds_images", "kind_problems"]

CT = "CT"
CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT
    "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT
}
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
PROJECTIONS = ("MIP", "MINIP", "MIN_IP", "MAX_IP", "PROJECTION IMAGE", "VOLUME RENDERING", "VRT", "VOLREN")
SCREEN_SAVES = ("SCREEN SAVE", "SCREEN SAVE IMAGE", "SCREENSAVE")
MATERIAL_UNITS_UNKNOWN = "US"
HU = "HU"
FEW_SLICES = 3
AXIAL_NORMAL = 0.7  # part of the normal along the patient's long axis, at least


def kind_problems(slices: Sequence[DicomSlice], main: Sequence[DicomSlice] | None = None) -> list[Problem]:
    """Say what a stack is, where it is anything else than axial CT in HU.

    Args:
        slices: Slices of the stack.
        main: Slices of the largest stack of its series, beside which a few slices across it are a localizer.
    """
    first = slices[0]
    image_type = set(first.image_type)
    if problem := _not_ct(first):
        return [problem]
    checks = (
        _not_grey(first),
        _localizer(slices, main or slices),
        _derived(slices, image_type),
        _rescale(slices),
    )
    return [problem for problem in checks if problem]


def holds_images(slices: Sequence[DicomSlice]) -> bool:
    """Whether a stack has pixels at all, unlike structured reports and plans."""
    return all(each.rows and each.columns for each in slices)


def _not_ct(first: DicomSlice) -> Problem | None:
    if first.sop_class.startswith(SECONDARY_CAPTURE):
        return Problem("derived", "a secondary capture, such as a screenshot, is no CT image", Severity.SKIPPED)
    if first.modality not in ("", CT):
        return Problem("not-ct", f"the modality is {first.modality}, not CT", Severity.SKIPPED)
    if first.sop_class and first.sop_class not in CT_CLASSES:
        return Problem("not-ct", f"objects of class {first.sop_class} are no CT images", Severity.SKIPPED)
    if not first.rows or not first.columns:
        return Problem("not-ct", "the files hold no images", Severity.SKIPPED)
    return None


def _not_grey(first: DicomSlice) -> Problem | None:
    if first.samples == 1 and (not first.photometric or first.photometric.startswith("MONOCHROME")):
        return None
    return Problem("not-grey", f"colour images ({first.photometric or 'RGB'}) hold no HU", Severity.SKIPPED)


def _localizer(slices: Sequence[DicomSlice], main: Sequence[DicomSlice]) -> Problem | None:
    if "LOCALIZER" in slices[0].image_type:
        return Problem("localizer", "a localizer (scout view) is no stack of slices", Severity.SKIPPED)
    normal, main_normal = _normal(slices[0]), _normal(main[0])
    few_across = len(slices) <= FEW_SLICES < len(main) and abs(normal @ main_normal) < 0.95
    if few_across and normal.any() and main_normal.any():
        message = f"{len(slices)} images across the other slices of the series are taken for a localizer"
        return Problem("localizer", message, Severity.SKIPPED)
    return None


def _derived(slices: Sequence[DicomSlice], image_type: set[str]) -> Problem | None:
    names = "\\".join(slices[0].image_type)
    if image_type.intersection(PROJECTIONS) or image_type.intersection(SCREEN_SAVES):
        return Problem("derived", f"images of type {names} are made from slices, not slices", Severity.SKIPPED)
    normal = _normal(slices[0])
    across = normal.any() and abs(normal[2]) < AXIAL_NORMAL
    if len(slices) <= FEW_SLICES and (across or {"DERIVED", "SECONDARY"} <= image_type):
        message = f"{len(slices)} images of type {names or 'unknown'} are no stack of axial slices"
        return Problem("derived", message, Severity.SKIPPED)
    if across:
        plane = "coronal" if abs(normal[1]) > abs(normal[0]) else "sagittal"
        message = f"the slices are {plane} reformats; they lie right, but are not what the model was trained on"
        return Problem("reformatted", message, Severity.WARNING)
    return None


def _rescale(slices: Sequence[DicomSlice]) -> Problem | None:
    lacking = sum(each.slope is None or each.intercept is None for each in slices)
    if lacking:
        message = (
            f"RescaleSlope or RescaleIntercept is missing in {lacking} of {len(slices)} images; "
            "their stored values are taken for HU"
        )
        return Problem("no-rescale", message, Severity.WARNING)
    units = {each.rescale_type for each in slices} - {"", HU}
    if units:
        named = ", ".join(sorted(units))
        reason = "unspecified" if units == {MATERIAL_UNITS_UNKNOWN} else "not HU"
        return Problem("no-rescale", f"the rescale type is {named}: units of intensity are {reason}", Severity.WARNING)
    return None


def _normal(each: DicomSlice) -> np.ndarray:
    if each.orientation is None:
        return np.zeros(3)
    return np.cross(each.orientation[:3], each.orientation[3:])
