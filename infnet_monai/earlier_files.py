"""Files of an earlier run, kept when a new one is about to write its own."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

__all__ = ["set_aside"]

logger = logging.getLogger(__name__)


def set_aside(folder: str | Path, names: Iterable[str], stamp: str = "") -> None:
    """Keep files in a folder `earlier-DATE` beside them: copied rather than moved, since a run may start from them.

    Args:
        folder: Where the files lie.
        names: Of the files; those that do not exist, or are kept already, are passed over.
        stamp: Date and time for the folder's name; now by default.
    """
    folder = Path(folder)
    earlier = [folder / name for name in names if (folder / name).is_file() and not _is_kept(folder / name)]
    if not earlier:
        return
    target = folder / f"earlier-{stamp or time.strftime('%Y%m%d-%H%M%S')}"
    target.mkdir()
    for path in earlier:
        shutil.copy2(path, target / path.name)
    logger.info("Files of an earlier run are kept in %s.", target)


def _is_kept(path: Path) -> bool:
    """Whether a run that wrote nothing, or this run's start done twice, has kept the file as it is now."""
    return any(_size_and_time(kept) == _size_and_time(path) for kept in path.parent.glob(f"earlier-*/{path.name}"))


def _size_and_time(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
