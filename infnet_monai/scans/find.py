"""Which scans there are in the files and folders that a user names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from infnet_monai.errors import InputError, one_line
from infnet_monai.scans.dicom_headers import is_dicom_file
from infnet_monai.scans.dicom_series import dicom_sources
from infnet_monai.scans.grid_checks import refused
from infnet_monai.scans.label_volumes import label_problem
from infnet_monai.scans.nifti_header import VOLUME_SUFFIXES, file_source, volume_name
from infnet_monai.scans.source import ScanSource

__all__ = ["find_scans", "with_unique_names"]

EXPECTED = f"{', '.join(VOLUME_SUFFIXES)} or a folder with a DICOM series"
LONGEST_NAME_BYTES = 200  # file systems allow 255, with the endings of results and drafts
NO_FILE = "a pipe, socket or device, not a file"

Place = tuple[int, int]  # device and inode: one for all the names of a file or folder


def find_scans(inputs: Sequence[str | Path], exclude: str | Path | None = None) -> list[ScanSource]:
    """Find the scans in files, folders with scans at any depth, and folders of DICOM series.

    A folder with several DICOM series holds several scans. Links to folders are followed, each folder is listed once.
    Hidden files and folders, and ``DICOMDIR``, are passed over.

    Args:
        inputs: Files and folders.
        exclude: A folder not to look into, for results that are written below an input.

    Returns:
        All candidates, sorted by path within each input, each once: also those that are no chest CT
        (``skip_reason``), and those that cannot be used or read (``refusal``), so that nothing is left out silently;
        :class:`infnet_monai.scans.Acceptance` says which are taken. Names that collide get a number: ``ct``, ``ct-2``.

    Raises:
        InputError: An input does not exist, is of an unknown type, is a folder without any scan or is excluded itself.
    """
    excluded = _place(Path(exclude)) if exclude else None
    found: dict[tuple[Place | Path, str, int], ScanSource] = {}
    for given in map(Path, inputs):
        if excluded is not None and _place(given) == excluded:
            raise InputError(f"{given}: results among the scans would be taken for scans; give another output folder")
        sources = list(_scans_in(given, excluded))
        if not sources:
            raise InputError(f"{given}: no scan found in this folder; expected {EXPECTED}, at any depth")
        for source in sources:
            first = source.files[0] if source.files else source.path
            found.setdefault((_place(first) or first, source.series, len(source.files)), source)
    return list(with_unique_names(found.values()))


def _scans_in(given: Path, excluded: Place | None) -> Iterator[ScanSource]:
    try:
        mode = given.stat().st_mode
        if stat.S_ISDIR(mode):
            yield from _scans_in_folder(given, excluded)
        elif not stat.S_ISREG(mode):
            yield _unreadable(given, given.name, NO_FILE)
        elif name := volume_name(given):
            yield _volume(given, name)
        elif is_dicom_file(given):
            # only this file of its series is asked for, so that a single slice is what the user wants
            for source in dicom_sources([given], given.parent, given.stem):
                yield replace(source, path=given).accepting(("single-slice",))
        else:
            raise InputError(f"{given}: unknown type of file; expected {EXPECTED}")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{given}: no such file or folder; check the path") from error
    except OSError as error:
        yield _unreadable(given, given.name, _reason(error))


def _scans_in_folder(given: Path, excluded: Place | None) -> Iterator[ScanSource]:
    seen = {excluded} if excluded is not None else set()
    waiting = [given]
    while waiting:
        folder = waiting.pop()
        place = _place(folder)
        if place is not None and place in seen:  # also a link that leads back up
            continue
        if place is not None:
            seen.add(place)
        listed = _list_folder(folder)
        yield from _scans_of(listed, folder, folder.relative_to(given), given)
        waiting += reversed(listed.folders)


@dataclass
class _Listed:
    """What is in a folder, sorted by name.

    Attributes:
        folders: Folders and links to folders.
        files: Regular files and links to such.
        unreadable: Why something that may be or hold a scan cannot be read, by its path.
    """

    folders: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)


def _list_folder(folder: Path) -> _Listed:
    listed = _Listed()
    try:
        with os.scandir(folder) as entries:
            visible = sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
    except OSError as error:
        return _Listed(unreadable={folder: _reason(error)})
    for entry in visible:
        path = folder / entry.name
        try:
            mode = entry.stat().st_mode
        except OSError as error:
            broken = "a broken link" if entry.is_symlink() and isinstance(error, FileNotFoundError) else _reason(error)
            mode, reason = 0, broken
        else:
            reason = NO_FILE
        if stat.S_ISDIR(mode):
            listed.folders.append(path)
        elif stat.S_ISREG(mode):
            listed.files.append(path)
        elif _may_be_scan(path):
            listed.unreadable[path] = reason
    return listed


def _scans_of(listed: _Listed, folder: Path, within: Path, given: Path) -> Iterator[ScanSource]:
    """Find the scans among the files of one folder; each is opened once to see what it is."""
    dicom: list[Path] = []
    unreadable = dict(listed.unreadable)
    for path in listed.files:
        if name := volume_name(path):
            yield _volume(path, (within / name).as_posix())
            continue
        try:
            if path.name != "DICOMDIR" and is_dicom_file(path):
                dicom.append(path)
        except OSError as error:
            unreadable[path] = _reason(error)
    if dicom:
        yield from dicom_sources(dicom, folder, within.as_posix() if folder != given else given.resolve().name)
    for path, reason in unreadable.items():
        place = within if path == folder else within / (volume_name(path) or path.name)
        yield _unreadable(path, place.as_posix() if place != Path() else given.resolve().name, reason)


def _volume(path: Path, name: str) -> ScanSource:
    source = file_source(path, name)
    problem = label_problem(source)
    return source if problem is None else replace(source, problems=(*source.problems, problem))


def _unreadable(path: Path, name: str, reason: str) -> ScanSource:
    return ScanSource(path, name, problems=(refused("unreadable", f"cannot be read: {reason}"),))


def _may_be_scan(path: Path) -> bool:
    """Whether something is named as scans, DICOM files or folders are; of others nobody misses that they are broken."""
    return bool(volume_name(path)) or path.suffix.lower() in ("", ".dcm") or path.suffix[1:].isdigit()


def _place(path: Path) -> Place | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _usable_name(name: str) -> str:
    """Return a name that files, tables and terminals can have: no control characters, and room for endings."""
    *folders, last = "".join("_" if one_line(sign) != sign else sign for sign in name).split("/")
    return "/".join([*folders, last.encode()[:LONGEST_NAME_BYTES].decode(errors="ignore")])


def with_unique_names(sources: Iterable[ScanSource]) -> Iterator[ScanSource]:
    """Return scans with names that differ also on file systems that do not distinguish upper from lower case.

    Args:
        sources: The scans.

    Returns:
        The same; of those whose names collide, all but the first get a number: ``ct``, ``ct-2``.
    """
    taken = {"run"}  # run.json is the record of a whole run
    for source in sources:
        wanted = name = _usable_name(source.name)
        number = 1
        while name.lower() in taken:  # some file systems do not distinguish upper from lower case
            number += 1
            name = f"{wanted}-{number}"
        taken.add(name.lower())
        yield replace(source, name=name)
