"""Text headers of NRRD and MetaImage files, checked before ITK reads them: some damages end the process otherwise."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from infnet_monai.errors import InputError

__all__ = ["MOST_COMPRESSION", "NRRD_SUFFIXES", "TextHeader", "read_text_header"]

NRRD_SUFFIXES = (".nrrd", ".nhdr")
LONGEST_HEADER = 1 << 20
LONGEST_LINE = 500  # ITK writes longer ones beyond the end of a buffer when it quotes them
MOST_COMPRESSION = 1100  # deflate makes 1 byte of 1032 at most
DATA_FILE = ("elementdatafile", "data file", "datafile")
LAST_IN_META = "elementdatafile"
MOST_DIMENSIONS = ("1", "2", "3", "4", "5")
RAW, GZIP = "raw", "gzip"
SKIPS = ("headersize", "line skip", "lineskip", "byte skip", "byteskip")
ANY_DEFLATED = zlib.MAX_WBITS | 32  # with the header of zlib or of gzip
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class TextHeader:
    """Where a header says that the voxels are.

    Attributes:
        data_file: File with the voxels; the file of the header where they follow it.
        start: Where they start there; unknown, ``None``, where the header lets readers skip something.
        data_bytes: Bytes that may be voxels.
        encoding: How they are stored: ``"raw"``, ``"gzip"`` (any deflated stream), or another encoding of NRRD.
    """

    data_file: Path
    start: int | None
    data_bytes: int
    encoding: str

    def check_size(self, voxel_bytes: int) -> None:
        """Raise an InputError where a file is too small for its voxels, before there is memory for them.

        Args:
            voxel_bytes: Bytes of the voxels in memory.
        """
        most = self.data_bytes * (1 if self.encoding == RAW else MOST_COMPRESSION)
        if voxel_bytes > most:
            raise InputError(
                f"truncated: {self.data_file.name} has {self.data_bytes} bytes, and its voxels take {voxel_bytes}"
            )

    def has_more_than(self, voxel_bytes: int) -> bool:
        """Return whether a file has more bytes than its voxels take, so that they may be out of place.

        Args:
            voxel_bytes: Bytes of the voxels in memory.
        """
        return self.encoding == RAW and self.start is not None and self.data_bytes > voxel_bytes

    def check_stream(self) -> None:
        """Raise an InputError where compressed voxels are damaged, which ITK reads as other voxels without a word."""
        if self.encoding != GZIP or self.start is None:
            return
        stream = zlib.decompressobj(ANY_DEFLATED)
        with open(self.data_file, "rb") as file:
            file.seek(self.start)
            try:
                while not stream.eof and (block := stream.unconsumed_tail or file.read(BLOCK_BYTES)):
                    stream.decompress(block, BLOCK_BYTES)
            except zlib.error as error:
                raise InputError(f"{self.data_file}: the compressed voxels are damaged ({error})") from error
        if not stream.eof:
            raise InputError(f"{self.data_file}: truncated; its compressed voxels have no end")


def read_text_header(path: Path) -> TextHeader:
    """Read where the voxels of a NRRD or MetaImage file are, and refuse what ITK cannot be trusted with.

    Args:
        path: The file.

    Raises:
        InputError: The header has a damaged line, names a field twice, has voxels written as text, or takes voxels
            from a list of files or from outside its folder; without the path, which the caller names.
    """
    fields, header_bytes = _read_fields(path)
    if fields.get("binarydata", "true")[:1].lower() not in ("t", "1"):
        raise InputError("the voxels are written as text (BinaryData); write the file again with binary voxels")
    if not path.name.lower().endswith(NRRD_SUFFIXES):
        _check_dimensions(fields)
    is_deflated = fields.get("compresseddata", "")[:1].lower() in ("t", "1") or fields.get("encoding", "") == "gz"
    encoding = GZIP if is_deflated else fields.get("encoding", RAW).lower()
    skips = any(fields.get(name, "0") != "0" for name in SKIPS)
    named = next((fields[name] for name in DATA_FILE if name in fields), "LOCAL")
    if named.upper() == "LOCAL":
        data_bytes = max(0, path.stat().st_size - header_bytes)
        return TextHeader(path, None if skips else header_bytes, data_bytes, encoding)
    data_file = _file_beside(path, named)
    return TextHeader(data_file, None if skips else 0, data_file.stat().st_size, encoding)


def _check_dimensions(fields: Mapping[str, str]) -> None:
    """Raise an InputError where a MetaImage has other sizes than dimensions, which makes ITK overrun its memory."""
    dimensions, sizes = fields.get("ndims", ""), fields.get("dimsize", "").split()
    if dimensions not in MOST_DIMENSIONS or len(sizes) != int(dimensions):
        named = f"NDims {dimensions[:20]!r}, DimSize {' '.join(sizes)[:80]!r}"
        raise InputError(f"the header gives no sizes of a volume ({named}); expected NDims = 3 and three sizes")


def _read_fields(path: Path) -> tuple[dict[str, str], int]:
    """Return the fields by their names in lower case, and the length of the header."""
    fields: dict[str, str] = {}
    length = 0
    is_nrrd = path.name.lower().endswith(NRRD_SUFFIXES)
    for number, line in enumerate(_lines(path), start=1):
        length += len(line)
        text = line.decode("utf-8", errors="replace").strip()
        if is_nrrd and not text:
            break
        # comments, and key/value pairs, which are free text
        if is_nrrd and (text.startswith("#") or ":=" in text):
            continue
        if len(line) > LONGEST_LINE or not text.replace("\t", " ").isprintable():
            raise InputError(f"line {number} of the header is not one of text, or longer than {LONGEST_LINE} bytes")
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
