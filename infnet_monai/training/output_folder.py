"""The folder that a long work writes to, marked so that nothing else is written over."""

from __future__ import annotations

from pathlib import Path

from infnet_monai.errors import InputError
from infnet_monai.files import write_json

__all__ = ["claim_output_dir"]


def claim_output_dir(folder: Path, kind: str, description: str) -> None:
    """Mark a new or empty folder as that of a work; one that is marked so already is taken again.

    Args:
        folder: Made if needed.
        kind: What the work is, e.g. ``"comparison"``; the marker is ``KIND.json``.
        description: Written into the marker.

    Raises:
        InputError: The folder holds something else.
    """
    marker = folder / f"{kind}.json"
    if folder.exists() and not marker.is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: exists and is not the folder of a {kind}; name another output folder")
    write_json({"description": description}, marker)
