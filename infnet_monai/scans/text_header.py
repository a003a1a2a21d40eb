"""Text headers of NRRD and MetaImage files, checked before ITK reads them: some damages end the process otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from infnet_monai.errors import InputError

__all__ = ["MOST_COMPRESSION", "NRRD_SUFFIXES", "TextHeader", "read_text_header"]

NRRD_SUFFIXES = (".nrrd", ".nhdr")
LONGEST_HEADER = 1 << 20
MOST_COMPRESSION = 1100  # deflate makes 1 byte of 1032 at most
DATA_FILE = ("elementdatafile", "data file", "datafile")
LAST_IN_META = "elementdatafile"
RAW = ("raw", "")


@dataclass(frozen=True)
class TextHeader:
    """Where a header says that the voxels are.

    Attributes:
        data_file: File with the voxels; the file of the header where they follow it.
        data_bytes: Bytes that may be voxels.
        is_compressed: Whether the voxels are stored otherwise than one after the other.
    """

    data_file: Path
    data_bytes: int
    is_compressed: bool

    def check_size(self, voxel_bytes: int) -> None:
        """Raise an InputError where a file is too small for its voxels, before there is memory for them.

        Args:
            voxel_bytes: Bytes of the voxels in memory.
        """
        most = self.data_bytes * (MOST_COMPRESSION if self.is_compressed else 1)
        if voxel_bytes > most:
            raise InputError(
                f"truncated: {self.data_file.name} has {self.data_bytes} bytes, and its voxels take {voxel_bytes}"
            )


def read_text_header(path: Path) -> TextHeader:
    """Read where the voxels of a NRRD or MetaImage file are, and refuse what ITK cannot be trusted with.

    Args:
        path: The file.

    Raises:
        InputError: The header names a field twice, has voxels written as text, or takes voxels from a list of files or
            from outside its folder; without the path, which the caller names.
    """
    fields, header_bytes = _read_fields(path)
    if fields.get("binarydata", "true")[:1].lower() not in ("t", "1"):
        raise InputError("the voxels are written as text (BinaryData); write the file again with binary voxels")
    is_compressed = fields.get("compresseddata", "f")[:1].lower() in ("t", "1")
    is_compressed = is_compressed or fields.get("encoding", "").lower() not in RAW
    named = next((fields[name] for name in DATA_FILE if name in fields), "LOCAL")
    if named.upper() == "LOCAL":
        return TextHeader(path, max(0, path.stat().st_size - header_bytes), is_compressed)
    data_file = _file_beside(path, named)
    return TextHeader(data_file, data_file.stat().st_size, is_compressed)


def _read_fields(path: Path) -> tuple[dict[str, str], int]:
    """Return the fields by their names in lower case, and the length of the header."""
    fields: dict[str, str] = {}
    length = 0
    is_nrrd = path.name.lower().endswith(NRRD_SUFFIXES)
    for line in _lines(path):
        length += len(line)
        text = line.decode("utf-8", errors="replace").strip()
        if is_nrrd and not text:
            break
        if text.startswith("#") or ":=" in text:  # comments, and a NRRD's key/value pairs, which are free text
            continue
        name, sign, value = text.partition(":" if is_nrrd else "=")
        name = name.strip().lower()
        if sign and name in fields:
            raise InputError(f"the header gives {name!r} twice")
        if sign:
            fields[name] = value.strip()
        if not is_nrrd and name == LAST_IN_META:
            break
    return fields, length


def _lines(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        left = LONGEST_HEADER
        while left > 0 and (line := file.readline(left)):
            left -= len(line)
            yield line


def _file_beside(path: Path, named: str) -> Path:
    """Return the file with the voxels of a header, which must be in the header's folder or below it."""
    parts = (*PurePosixPath(named).parts, *PureWindowsPath(named).parts)
    is_absolute = PurePosixPath(named).is_absolute() or bool(PureWindowsPath(named).drive)
    if "%" in named or named.split()[:1] in (["LIST"], ["list"]) or len(named.split()) > 1:
        raise InputError(f"the header takes its voxels from several files ({named[:80]}); write them as one file")
    if not named or is_absolute or ".." in parts:
        raise InputError(f"the header takes its voxels from outside its folder ({named[:80]!r}); move them beside it")
    data_file = path.parent / named
    if "\0" in named or not data_file.is_file():
        raise InputError(f"the file with its voxels, {named[:80]!r}, is missing beside it")
    return data_file
