"""Which predicted masks there are, and the reference and the lungs of each."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from infnet_monai.errors import InputError
from infnet_monai.files import natural_key
from infnet_monai.scans.load import VOLUME_SUFFIXES

__all__ = ["ScanCase", "ScanCases", "find_scan_cases"]

MASK, LUNGS = "_infection", "_lungs"


@dataclass(frozen=True)
class ScanCase:
    """Files of one scan.

    Attributes:
        name: Name of the scan; has a slash where its files are in a subfolder.
        prediction: Predicted mask.
        reference: Reference mask; ``None`` for a scan that is only known to be free of lesions.
        lungs: Lung mask; ``None`` where there is none.
        lesion_free: Whether the scan was named as free of lesions.
        lungs_from: ``"given"``, ``"prediction"`` or empty: where the lung mask is from.
        model: Bundle and first digits of the weights' SHA-256 that the prediction was made by; empty where unknown.
    """

    name: str
    prediction: Path
    reference: Path | None = None
    lungs: Path | None = None
    lesion_free: bool = False
    lungs_from: str = ""
    model: str = ""


@dataclass
class ScanCases:
    """Scans to evaluate, and what could not be paired.

    Attributes:
        cases: The scans, in natural order of their names.
        failures: One line for each scan that cannot be evaluated, by name.
        without_reference: Names of predictions that have no reference and are not named as free of lesions.
        without_prediction: Names of references without a prediction.
    """

    cases: list[ScanCase] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    without_reference: list[str] = field(default_factory=list)
    without_prediction: list[str] = field(default_factory=list)


def find_scan_cases(
    predictions: Sequence[Path],
    references: Path | None = None,
    lungs: Path | None = None,
    lesion_free: Sequence[str] = (),
) -> ScanCases:
    """Pair predicted masks with references and lung masks of the same names.

    Of a folder of ``infnet segment`` the masks ``NAME_infection`` count that have their record ``NAME.json``; of any
    other folder every volume. Names are relative to the folder.

    Args:
        predictions: Folders of predicted masks; a scan may be in one of them only.
        references: Folder of reference masks.
        lungs: Folder of lung masks, ``NAME`` or ``NAME_lungs``; a scan that has none there gets that of
            ``infnet segment``, if its record holds a lesion fraction of the lungs.
        lesion_free: Names of scans without lesions, patterns such as ``healthy_*``, or text files with one of these
            a line.

    Returns:
        The scans.

    Raises:
        InputError: A folder is missing, a name of ``lesion_free`` fits no prediction, or there is nothing to evaluate.
    """
    given_references = {} if references is None else _volumes_by_name(references)
    given_lungs = {} if lungs is None else _volumes_by_name(lungs)
    predicted: dict[str, list[tuple[Path, Path]]] = {}
    found = ScanCases()
    for folder in predictions:
        for name, paths in _predictions_by_name(folder).items():
            predicted.setdefault(name, []).extend((folder, path) for path in paths)
    healthy = _matching(lesion_free, predicted)
    for name in sorted(predicted, key=natural_key):
        is_healthy = name in healthy
        if name not in given_references and not is_healthy:
            found.without_reference.append(name)
            continue
        try:
            folder, mask = predicted[name][0]
            _only([path for _, path in predicted[name]])
            record = _record(folder, name, mask)
            reference = _only(given_references[name]) if name in given_references else None
            lung_mask, source = _lungs_of(name, mask, record, given_lungs)
        except InputError as error:
            found.failures[name] = str(error)
            continue
        found.cases.append(ScanCase(name, mask, reference, lung_mask, is_healthy, source, _model(record)))
    found.without_prediction = [name for name in given_references if name not in predicted]
    if not found.cases and not found.failures:
        raise InputError(
            f"{', '.join(map(str, predictions))}: none of the {len(predicted)} predictions has the name of a mask in "
            f"{references or 'a folder of references (--gt)'}, and none is named by --lesion-free"
        )
    return found


def _volumes_by_name(folder: Path) -> dict[str, list[Path]]:
    """Return the volumes at any depth by their names without suffix; hidden files and folders are left out."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*"), key=lambda path: natural_key(path.as_posix())):
        name = path.relative_to(folder).as_posix()
        suffix = next((suffix for suffix in VOLUME_SUFFIXES if name.lower().endswith(suffix)), "")
        if suffix and path.is_file() and not any(part.startswith(".") for part in name.split("/")):
            files.setdefault(name[: -len(suffix)], []).append(path)
    return files


def _predictions_by_name(folder: Path) -> dict[str, list[Path]]:
    volumes = _volumes_by_name(folder)
    segmented = {name[: -len(MASK)]: paths for name, paths in volumes.items() if name.endswith(MASK)}
    return segmented or volumes


def _only(paths: Sequence[Path]) -> Path:
    if len(paths) > 1:
        raise InputError(f"{paths[0]}: {paths[1]} is of the same scan: leave out one of them")
    return paths[0]


def _record(folder: Path, name: str, mask: Path) -> Mapping[str, Any]:
    """Return the record of ``infnet segment``; empty for masks that something else has made."""
    path = folder / f"{name}.json"
    if not path.is_file():
        if (folder / "run.json").is_file() and mask.name.endswith(f"{MASK}.nii.gz"):
            raise InputError(f"{mask}: its record {path.name} is missing: run `infnet segment` again to finish it")
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is no record of a segmentation ({error}): segment the scan again") from error
    return record if isinstance(record, dict) else {}


def _lungs_of(
    name: str, mask: Path, record: Mapping[str, Any], given: Mapping[str, list[Path]]
) -> tuple[Path | None, str]:
    if paths := [*given.get(name, ()), *given.get(name + LUNGS, ())]:
        return _only(paths), "given"
    path = mask.with_name(f"{name.rsplit('/', 1)[-1]}{LUNGS}.nii.gz")
    has_fraction = record.get("statistics", {}).get("lesion_percent_of_lung") is not None
    return (path, "prediction") if has_fraction and path.is_file() else (None, "")


def _model(record: Mapping[str, Any]) -> str:
    made_by = record.get("made_by", {})
    return f"{made_by['bundle']} ({made_by['weights'][:12]})" if {"bundle", "weights"} <= set(made_by) else ""


def _matching(lesion_free: Iterable[str], names: Collection[str]) -> set[str]:
    """Return the names that are named, by a pattern or in a text file."""
    matching: set[str] = set()
    for text in lesion_free:
        is_list = text.lower().endswith(".txt")
        if is_list and not Path(text).is_file():
            raise InputError(f"--lesion-free {text}: no such file; expected a text file with one name a line")
        lines = Path(text).read_text(encoding="utf-8").splitlines() if is_list else [text]
        for pattern in filter(None, map(str.strip, lines)):
            fitting = {name for name in names if fnmatchcase(name, pattern)}
            if not fitting:
                raise InputError(f"--lesion-free {pattern}: no prediction has this name; there are {_some(names)}")
            matching |= fitting
    return matching


def _some(names: Collection[str]) -> str:
    return ", ".join(sorted(names, key=natural_key)[:8]) + (", ..." if len(names) > 8 else "")
