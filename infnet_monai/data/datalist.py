"""Datalists: the ``dataset.json`` of a data set, in the style of the Medical Segmentation Decathlon."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infnet_monai.errors import InputError
from infnet_monai.label_scheme import BINARY, LabelScheme

DATALIST_NAME = "dataset.json"
SECTIONS = ("training", "validation", "test")
FILE_KEYS = ("image", "label", "edge", "lung")
LABEL_KEYS = ("lesion_labels", "background_labels")
PREPARE_COMMAND = "infnet prepare FOLDER"


def read_datalist(dataset_dir: str | Path) -> dict[str, Any]:
    """Read the ``dataset.json`` of a folder as it stands.

    Args:
        dataset_dir: Folder that holds ``dataset.json``.

    Returns:
        The content of the file.

    Raises:
        InputError: The folder or its ``dataset.json`` is missing or unreadable.
    """
    folder = Path(str(dataset_dir)).expanduser()  # the command line of bundles turns 2020 into a number
    if not folder.is_dir():
        raise InputError(f"dataset_dir {folder}: no such folder; give one that {PREPARE_COMMAND} has prepared")
    path = folder / DATALIST_NAME
    if not path.is_file():
        state = "has no dataset.json" if any(folder.iterdir()) else "is empty"
        raise InputError(f"dataset_dir {folder}: {state}; run {PREPARE_COMMAND} on images and masks first")
    try:
        datalist = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); write it again with {PREPARE_COMMAND}") from error
    if not isinstance(datalist, dict):
        raise InputError(
            f"{path}: expected an object with training, validation and test, got {type(datalist).__name__}"
        )
    return datalist


def label_scheme(dataset_dir: str | Path | None) -> LabelScheme:
    """Return the lesion classes to train on.

    Args:
        dataset_dir: Folder with the ``dataset.json`` whose ``classes`` are distinguished, see
            :meth:`infnet_monai.label_scheme.LabelScheme.from_names`, or else its ``labels`` that are lesion; ``None``
            for all lesions as one class.

    Returns:
        The classes, in the order of the network's channels.

    Raises:
        InputError: The data set cannot be read or names no classes.
    """
    if dataset_dir is None:
        return BINARY
    datalist = read_datalist(dataset_dir)
    path = Path(str(dataset_dir)).expanduser() / DATALIST_NAME
    try:
        return LabelScheme.from_names(datalist["classes"] if "classes" in datalist else _named_lesions(datalist))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _named_lesions(datalist: Mapping[str, Any]) -> dict[str, int]:
    """Values of the lesions by their names in ``labels``, which names each value of the masks."""
    labels, lesions = datalist.get("labels"), datalist.get("lesion_labels")
    try:
        names = {int(value): str(name) for value, name in labels.items()} if labels else {}
    except (AttributeError, ValueError) as error:
        raise InputError(f"labels {labels!r}: expected names by value, e.g. {{'1': 'ground glass'}}") from error
    background = {0, *datalist.get("background_labels", ())}
    return {
        name: value
        for value, name in sorted(names.items())
        if value not in background and (lesions is None or value in lesions)
    }


def load_datalist(dataset_dir: str | Path, section: str) -> list[dict[str, Any]]:
    """Items of one section of a data set, ready for MONAI's dictionary transforms.

    Args:
        dataset_dir: Folder that holds ``dataset.json``; its paths are relative to it.
        section: ``training``, ``validation`` or ``test``.

    Returns:
        One dictionary a case: ``image``, ``label`` and, where the data set has them, ``edge`` and ``lung`` as absolute
        paths; ``case``, the case's name where it is not that of its image's file; ``axes``, where the rows and columns
        of a plain picture run to (absent: ``PL``, rows towards the back, columns towards the patient's left);
        ``group``, e.g. the patient, whose cases stay together; ``accept``, codes of problems of the files that were
        accepted; ``weight``, how often an epoch of training takes its slices (absent: once); ``lesion_labels`` and
        ``background_labels``, the label values that count as lesion and those that are legal beside 0 but do not.

    Raises:
        InputError: No such data set or section, or a file that it lists does not exist.
    """
    datalist = read_datalist(dataset_dir)
    path = Path(str(dataset_dir)).expanduser().resolve() / DATALIST_NAME
    items = datalist.get(section)
    if not isinstance(items, list) or not items:
        filled = ", ".join(key for key in SECTIONS if datalist.get(key)) or "none"
        raise InputError(f"{path}: section '{section}' is {'missing' if items is None else 'empty'}; filled: {filled}")
    common = {key: datalist[key] for key in LABEL_KEYS if key in datalist}
    return [common | _resolve(item, path, section) for item in items]


def _resolve(item: Any, datalist_path: Path, section: str) -> dict[str, Any]:
    """The item with absolute paths, once its files are known to exist."""
    if not isinstance(item, dict) or not {"image", "label"} <= item.keys():
        raise InputError(f"{datalist_path}: an item of '{section}' lacks 'image' or 'label': {item!r}")
    resolved = dict(item)
    for key in FILE_KEYS:
        if key in item:
            file = datalist_path.parent / item[key]
            if not file.is_file():
                raise InputError(
                    f"{file}: no such {key} file, but {datalist_path} lists it; restore it or prepare the data again"
                )
            resolved[key] = str(file)
    return resolved
