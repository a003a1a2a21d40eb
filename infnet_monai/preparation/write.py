"""Writing of ``dataset.json`` from the cases of each section."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infnet_monai.data.slice_dataset import case_name
from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write
from infnet_monai.label_scheme import LabelScheme
from infnet_monai.preparation.case_files import FoundCases
from infnet_monai.preparation.checks import CaseFacts


def build_datalist(
    path: Path,
    found: FoundCases,
    sections: Mapping[str, Sequence[CaseFacts]],
    *,
    lesion_labels: Sequence[int],
    axes: str | None,
    seed: int,
    groups: Mapping[str, str] | None = None,
    classes: LabelScheme | None = None,
) -> dict[str, Any]:
    """Content of a ``dataset.json``.

    Args:
        path: File to be written; files below its folder are given relative to it, others absolutely.
        found: The data set's title and names of labels.
        sections: The cases of every section; an empty section is left out.
        lesion_labels: Label values that count as lesion.
        axes: Where rows and columns of pictures run to, noted in every item unless None.
        seed: Seed of the split, noted for the reader.
        groups: Group of each case by name, noted in every item.
        classes: Lesion classes to be distinguished.

    Returns:
        The content.
    """
    root = path.parent.resolve()
    cases = [facts for section in sections.values() for facts in section]
    values = sorted({value for facts in cases for value in facts.label_values} | {0})
    lesion = [value for value in values if value in lesion_labels]
    names = dict(found.label_names) | {value: one.name for one in classes or () for value in one.labels}
    datalist: dict[str, Any] = {
        "name": root.name,
        "description": f"{found.title}, split by case",
        "modality": {"0": "CT"},
        "labels": {str(value): _label_name(value, lesion, names) for value in values},
        "lesion_labels": lesion,
        "background_labels": [value for value in values if value and value not in lesion],
        "seed": seed,
    }
    if classes is not None:
        datalist["classes"] = classes.as_dict()
    named = any(facts.files.name != case_name(facts.files.image) for facts in cases)
    for section, members in sections.items():
        if members:
            datalist[section] = [_item(facts, root, axes, named, groups or {}) for facts in members]
    datalist["sha256"] = {
        _entry(path, root): facts.sha256[key] for facts in cases for key, path in facts.files.paths.items()
    }
    return datalist


def write_datalist(path: Path, datalist: Mapping[str, Any], overwrite: bool = False) -> None:
    """Write a ``dataset.json``; one with the same content stays untouched.

    Args:
        path: File to write, whole or not at all.
        datalist: Its content.
        overwrite: Replace one with other content.

    Raises:
        InputError: There is another one and ``overwrite`` is not set.
    """
    content = json.dumps(datalist, indent=2, ensure_ascii=False) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != content and not overwrite:
        raise InputError(f"{path}: exists with other content; replace it with --overwrite or choose another --output")
    with atomic_write(path) as draft:
        draft.write_text(content, encoding="utf-8")


def _item(
    facts: CaseFacts, root: Path, axes: str | None, named: bool, groups: Mapping[str, str]
) -> dict[str, str | list[str]]:
    name = facts.files.name
    item: dict[str, str | list[str]] = {"case": name} if named else {}
    item |= {key: _entry(path, root) for key, path in facts.files.paths.items()}
    if axes and facts.files.is_picture:
        item["axes"] = axes
    if name in groups:
        item["group"] = groups[name]
    if facts.accepted:
        item["accept"] = list(facts.accepted)
    return item


def _entry(path: Path, root: Path) -> str:
    path = path.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _label_name(value: int, lesion_labels: list[int], names: Mapping[int, str]) -> str:
    if value in names:
        return names[value]
    if value == 0:
        return "background"
    if value in lesion_labels:
        return "lesion" if len(lesion_labels) == 1 else f"lesion {value}"
    return f"other {value}"
