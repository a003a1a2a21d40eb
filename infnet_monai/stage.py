"""The durable stage: results and their record appear together or not at all, whatever ends the process.

A stage is one piece of work in a folder: a scan to segment, a network to train. Three things make it durable:

- a lock, :func:`hold_lock`, held by whoever works on it, also by a child process that outlives its parent;
- a draft folder, :meth:`Stage.draft`, that nobody takes for results;
- a commit that first seals the draft by one rename and then publishes its files, the record last.

What a killed process leaves behind is never "somebody else's": a draft is discarded and its work done again, a sealed
draft is published by the next process that holds the lock.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import lock_descriptor

from infnet_monai.errors import InputError

__all__ = ["Stage", "StageBusy", "hold_lock", "naming_output"]

MANIFEST = ".files"


class StageBusy(InputError):
    """Another process works on this stage."""


@contextmanager
def hold_lock(path: str | Path, wait: bool = False) -> Iterator[int]:
    """Hold the lock of a piece of work; the file exists only while somebody holds it.

    Args:
        path: Lock file; its folder is created if needed.
        wait: Wait for the process that holds the lock instead of raising.

    Yields:
        File descriptor of the lock. A child process that gets it by ``pass_fds`` holds the lock, too, so that killing
        the parent does not free it while the child still writes.

    Raises:
        StageBusy: Another process holds the lock and ``wait`` is not set.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _acquire(path, wait)
    try:
        yield descriptor
    finally:
        path.unlink(missing_ok=True)  # while the lock is held: nobody else can be in possession of this file
        os.close(descriptor)


def _acquire(path: Path, wait: bool) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not lock_descriptor(descriptor, blocking=wait):
                raise StageBusy(f"{path.parent}: another process works there ({path.name}); wait until it has ended")
            if _is_same_file(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # removed by its last holder between our opening and locking it


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


class Stage:
    """One piece of work whose files are published together in a folder that others share.

    Args:
        folder: Folder of the results.
        name: Name of the work, unique in the folder; may contain a slash where results lie in a subfolder.
        record: File name of the record, which appears last and marks finished work.
        obsolete: File names that earlier work of this name may have written; those that the new work does not write
            are removed when it is published.

    Example:
        >>> stage = Stage(getfixture("tmp_path"), "ct", "ct.json", obsolete=["ct_probability.nii.gz"])
        >>> with stage.lock(), stage.draft() as draft:
        ...     for name in ("ct_infection.nii.gz", "ct.json"):
        ...         (draft / name).touch()
        >>> sorted(path.name for path in stage.folder.iterdir())
        ['ct.json', 'ct_infection.nii.gz']
    """

    def __init__(self, folder: str | Path, name: str, record: str, obsolete: Iterable[str] = ()):
        target = Path(folder) / name
        self.folder = target.parent
        self.record = self.folder / record
        self.obsolete = tuple(obsolete)
        self._hidden = f".{target.name}"

    @property
    def finished(self) -> bool:
        """Whether the record exists."""
        return self.record.is_file()

    @contextmanager
    def lock(self, wait: bool = False) -> Iterator[int]:
        """Hold the lock, with what a killed process has left cleared: see :func:`hold_lock`."""
        with hold_lock(self._path("lock"), wait) as descriptor:
            self._recover()
            yield descriptor

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """Give an empty folder for the files, the record among them; they are published when the block ends.

        Files in subfolders of it are moved into the same subfolders, beside what is there.

        After an error the draft is removed, and earlier results stay as they are. The lock must be held.
        """
        draft = self._path("draft")
        draft.mkdir()
        try:
            yield draft
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        names = [path.relative_to(draft).as_posix() for path in draft.rglob("*") if path.is_file()]
        (draft / MANIFEST).write_text("\n".join(names), encoding="utf-8")
        os.rename(draft, self._path("sealed"))
        self._publish()

    def _path(self, kind: str) -> Path:
        return self.folder / f"{self._hidden}.{kind}"

    def _recover(self) -> None:
        if self._path("sealed").is_dir():
            self._publish()
        if self._path("draft").is_dir():
            shutil.rmtree(self._path("draft"))

    def _publish(self) -> None:
        """Move the files of the sealed draft into place; an interrupted call is repeated from its start."""
        sealed = self._path("sealed")
        new_record = sealed / self.record.name
        if new_record.is_file():  # else everything is in place, the new record included
            names = (sealed / MANIFEST).read_text(encoding="utf-8").split("\n")
            self.record.unlink(missing_ok=True)
            for name in self.obsolete:
                if name not in names:
                    (self.folder / name).unlink(missing_ok=True)
            for name in names:
                if (sealed / name).exists() and name != self.record.name:
                    (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                    os.replace(sealed / name, self.folder / name)
            os.replace(new_record, self.record)
        shutil.rmtree(sealed)


@contextmanager
def naming_output(folder: Path) -> Iterator[None]:
    """Let a failure of the operating system, e.g. a full disk, come out as one line about the output folder.

    Args:
        folder: Folder that is written to.

    Raises:
        InputError: Something could not be written.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{folder}: cannot be written to ({reason}); mend that or give another output folder"
        ) from error
