"""Files of an earlier run, kept when a new one is about to write its own."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path

__all__ = ["set_aside"]

logger = logging.getLogger(__name__)


def set_aside(folder: str | Path, names: Iterable[str], stamp: str = "") -> None:
    """Keep files in a folder `earlier-DATE` beside them: linked rather than moved, since a run may start from them.

    Args:
        folder: Where the files lie.
        names: Of the files; those that do not exist are passed over.
        stamp: Date and time for the folder's name; now by default.
    """
    folder = Path(folder)
    earlier = [folder / name for name in names if (folder / name).is_file()]
    if not earlier:
        return
    target = folder / f"earlier-{stamp or time.strftime('%Y%m%d-%H%M%S')}"
    target.mkdir()
    for path in earlier:
        os.link(path, target / path.name)
    logger.info("Files of an earlier run are kept in %s.", target)
