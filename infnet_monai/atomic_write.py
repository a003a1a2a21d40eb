"""Files that are either whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["atomic_write"]


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a draft beside a file, of the same suffix; renamed into place when written, removed after an error.

    Args:
        path: the file to be; its folder is made if needed.

    Example:
        >>> with atomic_write(getfixture("tmp_path") / "mask.nii.gz") as draft:
        ...     _ = draft.write_bytes(b"")
        >>> [file.name for file in draft.parent.iterdir()]
        ['mask.nii.gz']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
