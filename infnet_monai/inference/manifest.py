"""Scans listed in a CSV file."""

from __future__ import annotations

import csv
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from infnet_monai.errors import InputError
from infnet_monai.scans.find import find_scans, with_unique_names
from infnet_monai.scans.grid_checks import refused
from infnet_monai.scans.source import ScanSource

__all__ = ["read_manifest"]

EXPECTED = "expected a CSV file with a column path and, if wanted, a column name"


def read_manifest(path: str | Path) -> list[ScanSource]:
    """Read a CSV file with a row for each scan.

    Args:
        path: The file. Column ``path``: a file or a folder with one or more scans, relative to the file's own folder;
            column ``name``, optional and possibly empty: name of the results, for a row that holds one scan.

    Returns:
        The scans in the order of the rows. A row that leads to no scan gives one that is refused, with the reason, so
        that it is listed as failed.

    Raises:
        InputError: The file cannot be read or has no such column, or a name cannot be used or is given twice.
    """
    path = Path(path)
    rows = _read_rows(path)
    twice = [name for name, count in Counter(name.lower() for _, name, _ in rows if name).items() if count > 1]
    if twice:
        raise InputError(f"{path}: the name {twice[0]!r} is given twice; names must differ, also in lower case")
    found = [(source, bool(name)) for scan, name, number in rows for source in _find(path, scan, name, number)]
    # names that are given come first, so that only others get a number where they collide
    order = sorted(range(len(found)), key=lambda k: not found[k][1])
    unique = dict(zip(order, with_unique_names(found[k][0] for k in order), strict=True))
    return [unique[k] for k in range(len(found))]


def _read_rows(path: Path) -> list[tuple[Path, str, int]]:
    """Return path, name and line of each row."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, strict=True)
            if "path" not in (table.fieldnames or ()):
                raise InputError(f"{path}: has no column path; {EXPECTED}")
            rows = [(_text(row, "path"), _text(row, "name"), table.line_num) for row in table]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {EXPECTED}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: is no CSV file in UTF-8 ({error}); {EXPECTED}") from error
    listed = [(path.parent / scan, _checked(name, path, number), number) for scan, name, number in rows if scan]
    if not listed:
        raise InputError(f"{path}: lists no scan; {EXPECTED}")
    return listed


def _text(row: dict[str, str | None], column: str) -> str:
    return (row.get(column) or "").strip()


def _checked(name: str, path: Path, number: int) -> str:
    """Return a name that leads to files below the folder of the results."""
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith((".", "/")) for part in parts)
    if name and (hidden or name.endswith("/") or any(unicodedata.category(sign)[0] == "C" for sign in name)):
        raise InputError(
            f"{path}, line {number}: the name {name!r} cannot be used; expected a name such as ct_1 or ward_2/ct_1"
        )
    return "/".join(parts)


def _find(manifest: Path, scan: Path, name: str, number: int) -> Iterator[ScanSource]:
    try:
        sources = find_scans([scan])
        if name and len(sources) > 1:
            raise InputError(f"{scan}: holds {len(sources)} scans and one name; leave it empty or name each in a row")
    except InputError as error:
        message = str(error).removeprefix(f"{scan}: ") + f" ({manifest.name}, line {number})"
        sources = [ScanSource(scan, name or scan.name, problems=(refused("unreadable", message),))]
    for source in sources:
        yield replace(source, name=name) if name else source
