"""What NRRD and MetaImage headers leave unsaid of spacing and orientation, where ITK assumes something silently."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infnet_monai.scans.grid_checks import refused
from infnet_monai.scans.source import Problem

__all__ = ["unsaid_geometry"]

MOST_BYTES = 1 << 16
META_SUFFIXES = (".mha", ".mhd")
LAST_OF_META = "elementdatafile"
SPACING_FIELDS = {"elementspacing", "elementsize", "spacings", "space directions"}
ORIENTATION_FIELDS = {"transformmatrix", "rotation", "orientation", "space directions"}
NO_SPACING = (
    "the header does not give the size of voxels; with 1 mm assumed, volumes are not right. Write the file with its "
    "spacing"
)
NO_ORIENTATION = (
    "the header does not say how the patient lies in the volume (no {field}); axes towards L, P, S are a guess, and "
    "right may be left. Write the file with its orientation"
)


def unsaid_geometry(path: Path) -> Iterator[Problem]:
    """Find out whether a header leaves out spacing or orientation; ITK would take 1 mm and the axes of the patient.

    Args:
        path: NRRD or MetaImage file whose header ITK can read.

    Yields:
        The problems; a NRRD file without a space is not looked at, since ITK says so itself.
    """
    is_meta = path.name.lower().endswith(META_SUFFIXES)
    fields = set(_fields(path, is_meta))
    if not fields & SPACING_FIELDS:
        yield refused("no-spacing", NO_SPACING)
    if not fields & ORIENTATION_FIELDS and (is_meta or fields & {"space", "space dimension"}):
        yield refused("no-orientation", NO_ORIENTATION.format(field="TransformMatrix" if is_meta else "directions"))


def _fields(path: Path, is_meta: bool) -> Iterator[str]:
    """Yield the names of the fields in lower case."""
    with open(path, "rb") as file:
        lines = file.read(MOST_BYTES).splitlines()
    for line in lines:
        name, sign, _ = line.decode("latin-1").partition("=" if is_meta else ":")
        if not is_meta and not line.strip():
            return
        if sign:
            yield name.strip().lower()
        if name.strip().lower() == LAST_OF_META:
            return
