"""Kept slices of transformed volumes on disk, read from there slice by slice, for data sets larger than memory."""

from __future__ import annotations

import hashlib
import logging
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from types import MethodType
from typing import Any

import numpy as np
import torch
from monai.transforms import Compose
from torch import Tensor

from infnet_monai.errors import InputError, one_line
from infnet_monai.files import atomic_write
from infnet_monai.run_record import package_versions

__all__ = ["KeptSlices", "SliceCache"]

logger = logging.getLogger(__name__)

STATE = np.random.RandomState  # of random transforms, beside their settings


@dataclass(frozen=True)
class KeptSlices:
    """What a data set keeps of one volume.

    Attributes:
        numbers: Numbers of the slices in their volume.
        tensors: For each key the slices ``(N, C, H, W)``.
    """

    numbers: list[int]
    tensors: dict[str, Tensor]


class SliceCache:
    """A folder with a file for each volume, found by what decides its content.

    That is the item with path, size and date of its files, the transforms and the rule for slices with their settings,
    and the versions of the packages; a change in the code of a transform is not seen, so that the folder has to be
    removed after one. Files are mapped into memory: the system reads the slices that are fetched, and forgets them
    when memory is short. Their checksums are verified when a data set is made.

    Unlike MONAI's ``PersistentDataset``, which reads a whole volume for each slice, this reads the slice.

    Args:
        folder: Folder of the files, created if needed; several processes may share it.
        makers: What decides the content beside the item: transforms, the rule for slices, keys.

    Raises:
        InputError: The folder cannot be written to, or the makers hold a lambda.
    """

    def __init__(self, folder: str | Path, makers: Sequence[Any]):
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._makers = hashlib.sha256(repr(_described(list(makers))).encode()).hexdigest()
        except OSError as error:
            raise InputError(f"cache_dir {folder}: cannot be used ({error.strerror}); name another folder") from error
        except (TypeError, RecursionError) as error:
            raise InputError(
                f"cache_dir {folder}: needs transforms of named functions, not lambdas ({one_line(str(error))}); mend "
                "that, or leave out cache_dir"
            ) from error

    def get(self, item: Mapping[str, Any], make: Callable[[], KeptSlices]) -> KeptSlices:
        """Return the slices of an item from its file, which is written where it is missing, damaged or foreign.

        Args:
            item: The item.
            make: Makes the slices.

        Returns:
            The slices, mapped into memory.

        Raises:
            InputError: The file cannot be written.
        """
        key = self._key(item)
        path = self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.pt"
        found = _read(path, key) if path.exists() else None
        if found is not None:
            return found
        made = make()
        try:
            with atomic_write(path) as draft:
                torch.save({"key": key, "numbers": made.numbers, "tensors": made.tensors}, draft)
        except (OSError, RuntimeError) as error:  # PyTorch's writer raises its own for a full disk
            raise InputError(
                f"{path}: cannot be written ({one_line(str(error))}); free the disk, or leave out cache_dir"
            ) from error
        return _read(path, key) or made

    def _key(self, item: Mapping[str, Any]) -> str:
        files = {}
        for value in item.values():
            path = Path(value) if isinstance(value, str | Path) else None
            if path is not None and path.is_file():
                state = path.stat()
                files[str(path.resolve())] = (state.st_size, state.st_mtime_ns)
        versions = {name: number for name, number in package_versions().items() if name != "python"}
        content = {name: str(value) for name, value in item.items() if name != "weight"}
        return repr([sorted(content.items()), sorted(files.items()), sorted(versions.items()), self._makers])


def _described(value: Any) -> Any:
    """Return settings as text, lists and pairs; not pickled, since the bytes of equal objects may differ."""
    if isinstance(value, Compose):  # which holds a random state as well
        value = value.flatten().transforms
    if isinstance(value, Mapping):
        return sorted((str(name), _described(one)) for name, one in value.items())
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    if isinstance(value, list | tuple):
        return [_described(one) for one in value]
    if isinstance(value, np.ndarray | Tensor):
        return value.tolist()
    if isinstance(value, partial):
        return [_described(one) for one in (value.func, value.args, value.keywords)]
    if isinstance(value, MethodType):
        return [value.__func__.__qualname__, _described(value.__self__)]
    name = getattr(value, "__qualname__", "")
    text = f"{value.__module__}.{name}" if name else repr(value)
    if "<lambda>" in text or "<locals>" in name or (" at 0x" in text and not hasattr(value, "__dict__")):
        raise TypeError(f"{text} is not known by a name")
    if name or not hasattr(value, "__dict__") or isinstance(value, Enum | Path):
        return text
    settings = {
        key: one
        for key, one in vars(value).items()
        if not key.startswith("_") and not isinstance(one, STATE)  # private: what use has changed, not settings
    }
    return [f"{type(value).__module__}.{type(value).__qualname__}", _described(settings)]


def _read(path: Path, key: str) -> KeptSlices | None:
    """Read a file of the cache; ``None`` where it is damaged, or does not hold what its name says."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise ValueError("a checksum is wrong")
        content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        if content["key"] != key:
            raise ValueError("it is of another volume")
        return KeptSlices(content["numbers"], content["tensors"])
    except Exception as error:  # of any kind, by the damage
        logger.warning("%s: is made again (%s)", path, one_line(str(error)))
        return None
