"""Files of results: written whole or not at all, hashed, and backed up before a new run writes its own."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["atomic_write", "back_up", "drafted_file", "file_sha256", "natural_key", "write_json"]

logger = logging.getLogger(__name__)

HASH_BLOCK_BYTES = 1 << 20


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a draft beside a file, of the same suffix; renamed into place when written, removed after an error.

    Args:
        path: File to write; its folder is created if needed.

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


def drafted_file(path: str | Path) -> str:
    """Return the name of the file that a path is a draft of, as a killed :func:`atomic_write` leaves it.

    Args:
        path: Any path.

    Returns:
        The name; empty where the path is no draft.

    Example:
        >>> drafted_file("models/.4711-last.pth"), drafted_file("models/last.pth")
        ('last.pth', '')
    """
    found = re.fullmatch(r"\.\d+-(.+)", Path(path).name)
    return found[1] if found else ""


def write_json(content: Mapping[str, Any], path: str | Path) -> None:
    """Write JSON that people read too; what JSON does not know is written as text.

    Args:
        content: What to write.
        path: JSON file to write, whole or not at all.

    Raises:
        ValueError: A number is NaN or infinite, which JSON cannot hold.
    """
    with atomic_write(path) as draft:
        draft.write_text(json.dumps(content, indent=2, default=str, allow_nan=False) + "\n", encoding="utf-8")


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(HASH_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def back_up(folder: str | Path, names: Iterable[str], stamp: str = "") -> None:
    """Copy files to a folder ``earlier-DATE`` beside them; copied rather than moved, since a run may start from them.

    Args:
        folder: Folder of the files.
        names: File names; those that do not exist, or are backed up already, are skipped.
        stamp: Date and time for the folder's name; now by default.
    """
    folder = Path(folder)
    earlier = [folder / name for name in names if (folder / name).is_file() and not _is_backed_up(folder / name)]
    if not earlier:
        return
    target = folder / f"earlier-{stamp or time.strftime('%Y%m%d-%H%M%S')}"
    target.mkdir(exist_ok=True)
    for path in earlier:
        shutil.copy2(path, target / path.name)
    logger.info("Backed up the files of an earlier run in %s.", target)


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sort key that puts ``scan_2`` before ``scan_10``.

    Args:
        name: Name to sort by.

    Returns:
        Numbers and texts of the name in turn, comparable with those of other names.

    Example:
        >>> sorted(["scan_10", "scan_2"], key=natural_key)
        ['scan_2', 'scan_10']
    """
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _is_backed_up(path: Path) -> bool:
    """Whether a run that wrote nothing, or this run's start done twice, has backed up the file as it is now."""
    return any(_size_and_time(kept) == _size_and_time(path) for kept in path.parent.glob(f"earlier-*/{path.name}"))


def _size_and_time(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
