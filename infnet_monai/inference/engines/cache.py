"""Exported networks in the user's cache, found again by what they were exported from."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from infnet_monai.files import atomic_write
from infnet_monai.inference.engines.engine import Arrays

__all__ = ["cache_file", "cached_arrays", "write_arrays"]

logger = logging.getLogger(__name__)


def cache_file(name: str, facts: Mapping[str, Any]) -> Path:
    """Return the file of an exported network in the user's cache.

    Args:
        name: Name of the engine.
        facts: All that decides the exported network, e.g. the SHA-256 of the weights.
    """
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return platformdirs.user_cache_path("infnet_monai") / "engines" / f"{name}-{digest[:32]}.npz"


def cached_arrays(path: Path, export: Callable[[], Arrays]) -> Arrays:
    """Return the arrays of a file, or export and write them.

    Processes that export at once do not disturb each other: each renames a whole file into place. Checksums of the
    file's parts show whether it is damaged.

    Args:
        path: File in the cache.
        export: Makes the arrays.

    Returns:
        The arrays by name; also where the cache cannot be read or written, after a warning.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        logger.info("Exporting the network to %s, once.", path)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        logger.warning("%s: is damaged or cannot be read (%s); the network is exported again", path, error)
    arrays = export()
    write_arrays(path, arrays)
    return arrays


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays to the cache; where that is impossible, a warning says so.

    Args:
        path: File in the cache, ending in ``.npz``.
        arrays: The arrays by name.
    """
    try:
        with atomic_write(path) as draft:
            np.savez(draft, **dict(arrays))  # type: ignore[arg-type]  # names are no parameters of savez
    except OSError as error:
        reason = error.strerror or error
        logger.warning(
            "%s: cannot be written (%s), so that each run exports the network; XDG_CACHE_HOME names another folder",
            path,
            reason,
        )
