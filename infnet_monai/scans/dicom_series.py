"""The scans in the DICOM files of a folder: one for each series, or each stack where a series holds several."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from infnet_monai.errors import InputError
from infnet_monai.scans.dicom_geometry import measure_stack
from infnet_monai.scans.dicom_headers import DicomSlice, is_dicom_file, read_slices
from infnet_monai.scans.dicom_kinds import holds_images, kind_problems
from infnet_monai.scans.dicom_stacks import by_series, split_stacks, without_copies
from infnet_monai.scans.source import Problem, ScanHeader, ScanSource, Severity

__all__ = ["dicom_files", "dicom_sources", "find_series"]

NO_UID = "unnamed"
DICOMDIR = "DICOMDIR"
LONGEST_DESCRIPTION = 40
NAMED_FILES = 3


def dicom_sources(paths: Sequence[Path], folder: Path, name: str) -> list[ScanSource]:
    """Find the scans in the DICOM files of one folder; each file is opened once and no pixels are read.

    Args:
        paths: The files, regular and readable.
        folder: The folder, which is the path of the scans.
        name: Name of the scan; with several, each gets its series number and description appended.

    Returns:
        One scan for each series or stack, also those that are to be skipped or refused, by series number and UID. Files
        that cannot be read are one more, refused.
    """
    slices: list[DicomSlice] = []
    unreadable: list[tuple[Path, str]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of every odd value; what matters becomes a problem
        for path in paths:
            try:
                slices += read_slices(path)
            except InputError as error:
                unreadable.append((path, str(error)))
    lost = _lost_files(len(unreadable))
    sources = [source for series in by_series(slices) for source in _understood(series, folder, lost)]
    sources.sort(key=_series_order)
    named = _with_names(sources, name)
    return [*named, _unreadable_source(unreadable, name)] if unreadable else named


def dicom_files(folder: str | Path) -> list[Path]:
    """List the DICOM files of a folder, by name; hidden files and ``DICOMDIR`` are passed over.

    Args:
        folder: Folder, not looked into at depth.
    """
    names = sorted(path for path in Path(folder).iterdir() if path.name[0] != "." and path.name != DICOMDIR)
    return [path for path in names if is_dicom_file(path)]


def find_series(path: Path, series: str = "") -> ScanSource:
    """Find the scan in a folder of DICOM files, or in one file.

    Args:
        path: Folder, or a DICOM file: only that file is read, not the series it belongs to.
        series: Name of the series as in :class:`ScanSource`; needed where the folder has several that are chest CTs.

    Raises:
        InputError: There is no DICOM file, no such series, or there are several.
    """
    files = dicom_files(path) if path.is_dir() else [path]
    sources = dicom_sources(files, path if path.is_dir() else path.parent, path.name)
    if not sources:
        raise InputError(f"{path}: no DICOM file is in this folder. Give a folder of DICOM files, or a volume file.")
    if not path.is_dir():
        return replace(sources[0], path=path)
    named = [source for source in sources if series and source.series == series]
    candidates = named if series else _likely(sources)
    if len(candidates) != 1:
        listed = "; ".join(f"{source.series or source.path.name} {source.name}" for source in sources)
        reason = f"DICOM series {series!r} not found" if series else f"holds {len(candidates)} DICOM series; give one"
        raise InputError(f"{path}: {reason}. The folder has: {listed}")
    return candidates[0]


def _likely(sources: list[ScanSource]) -> list[ScanSource]:
    """Leave out what is no chest CT and what cannot be read, where there is anything else."""
    readable = [source for source in sources if source.series] or sources
    return [source for source in readable if not source.skip_reason] or readable


def _understood(series: list[DicomSlice], folder: Path, lost: list[Problem]) -> list[ScanSource]:
    """Find the scans of a series; one whose headers lead nowhere is refused, and the others are found."""
    try:
        return _series_sources(series, folder, lost)
    except Exception as error:  # the values of damaged headers lead to anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        problem = Problem("unreadable", f"cannot be understood ({reason}); its headers are damaged", Severity.REFUSED)
        return [ScanSource(folder, "", series[0].series_uid or NO_UID, problems=(problem,))]


def _series_sources(series: list[DicomSlice], folder: Path, lost: list[Problem]) -> list[ScanSource]:
    once = without_copies(series)
    copies = len(series) - len(once)
    problems = [*lost]
    if copies:
        message = f"copies of images were left out: {_files(copies)} with the SOPInstanceUID and position of another"
        problems.append(Problem("duplicate-files", message, Severity.WARNING))
    stacks = split_stacks(once)
    uid = once[0].series_uid or NO_UID
    if not holds_images(stacks[0]) and len({each.sop_class for each in once}) == 1:
        stacks = [once]
    return [
        _stack_source(stack, stacks[0], folder, uid if k == 1 else f"{uid}#{k}", problems)
        for k, stack in enumerate(stacks, start=1)
    ]


def _stack_source(
    stack: list[DicomSlice], main: list[DicomSlice], folder: Path, series: str, problems: Iterable[Problem]
) -> ScanSource:
    first = stack[0]
    header = ScanHeader(
        modality=first.modality,
        image_type=first.image_type,
        series_uid=first.series_uid,
        series_number=first.series_number,
        series_description=first.series_description,
        study_uid=first.study_uid,
        patient_id=first.patient_id,
        thickness_mm=first.thickness_mm,
        units=first.rescale_type,
    )
    found = kind_problems(stack, main)
    if not holds_images(stack):
        files = tuple(dict.fromkeys(each.file for each in stack))
        return ScanSource(folder, "", series, files, header, tuple(found))
    geometry = measure_stack(stack)
    header = replace(
        header,
        shape=geometry.shape,
        affine=geometry.affine,
        spacing_mm=geometry.spacing_mm,
        positions_mm=geometry.positions_mm,
        tilt_degrees=geometry.tilt_degrees,
        mixed_values=_has_mixed_values(stack),
    )
    files, frames = _files_and_frames(geometry.slices)
    all_problems = (*found, *_mixed_frames(stack), *geometry.problems, *problems)
    return ScanSource(folder, "", series, files, header, all_problems, frames)


def _files_and_frames(slices: Sequence[DicomSlice]) -> tuple[tuple[Path, ...], tuple[int, ...]]:
    """Return the files, each once, and the numbers of the slices among all their frames."""
    files = tuple(dict.fromkeys(each.file for each in slices))
    if all(each.frames_in_file == 1 for each in slices):
        return files, ()
    starts, count = {}, 0
    frames_of = {each.file: each.frames_in_file for each in slices}
    for file in files:
        starts[file] = count
        count += frames_of[file]
    return files, tuple(starts[each.file] + each.frame for each in slices)


def _has_mixed_values(slices: Sequence[DicomSlice]) -> bool:
    return len({(each.slope, each.intercept, each.bits, each.signed) for each in slices}) > 1


def _mixed_frames(slices: Sequence[DicomSlice]) -> list[Problem]:
    """Refuse a multi-frame file whose frames have a rescale each, since its readers apply that of the first to all."""
    by_file: dict[Path, set[tuple[float | None, float | None]]] = {}
    for each in slices:
        by_file.setdefault(each.file, set()).add((each.slope, each.intercept))
    if all(len(values) == 1 for values in by_file.values()):
        return []
    message = (
        "the frames of a file have different RescaleSlope or RescaleIntercept; those of the first are used for all"
    )
    return [Problem("mixed-rescale", message, Severity.REFUSED)]


def _lost_files(count: int) -> list[Problem]:
    if not count:
        return []
    message = f"{_files(count)} of the folder cannot be read and may belong to this series"
    return [Problem("unreadable-files", message, Severity.WARNING)]


def _unreadable_source(unreadable: Sequence[tuple[Path, str]], name: str) -> ScanSource:
    path, reason = unreadable[0]
    named = ", ".join(path.name for path, _ in unreadable[:NAMED_FILES])
    more = f" and {len(unreadable) - NAMED_FILES} more" if len(unreadable) > NAMED_FILES else ""
    message = f"{_files(len(unreadable))} cannot be read: {named}{more} ({reason.partition(': ')[2]})"
    problem = Problem("unreadable", message, Severity.REFUSED)
    return ScanSource(path, f"{name}-unreadable", problems=(problem,))


def _files(count: int) -> str:
    return "1 DICOM file" if count == 1 else f"{count} DICOM files"


def _series_order(source: ScanSource) -> tuple[bool, int, str]:
    number = source.header.series_number
    return number is None, number or 0, source.header.series_uid


def _with_names(sources: Sequence[ScanSource], name: str) -> list[ScanSource]:
    """Name scans, and the series without a UID, so that each name is there once."""
    names: set[str] = set()
    series: set[str] = set()
    named = []
    for source in sources:
        own = f"{name}{_suffix(source.header)}" if len(sources) > 1 else name
        named.append(replace(source, name=_unique(own, names, "-"), series=_unique(source.series, series, "#")))
    return named


def _suffix(header: ScanHeader) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", header.series_description.lower())[:LONGEST_DESCRIPTION].strip("-")
    number = "" if header.series_number is None else f"-{header.series_number}"
    return f"{number}-{slug}" if slug else number


def _unique(wanted: str, taken: set[str], mark: str) -> str:
    name, number = wanted, 1
    while name.lower() in taken:
        number += 1
        name = f"{wanted}{mark}{number}"
    taken.add(name.lower())
    return name
