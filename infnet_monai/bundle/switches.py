"""Switches given on the command line of ``monai.bundle``, which hands over ``true`` and ``false`` as text."""

from __future__ import annotations

from typing import Any

__all__ = ["switch"]


def switch(value: Any) -> Any:
    """Turn the texts ``true`` and ``false`` into booleans; everything else stays as it is.

    Example:
        >>> switch("false"), switch(True), switch("auto")
        (False, True, 'auto')
    """
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value
