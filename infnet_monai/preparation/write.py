"""Writing of `dataset.json` from the cases of each section."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infnet_monai.errors import InputError
from infnet_monai.preparation.checks import CaseFacts
from infnet_monai.preparation.layouts import Layout


def build_datalist(
    path: Path,
    layout: Layout,
    sections: Mapping[str, Sequence[CaseFacts]],
    *,
    lesion_labels: Sequence[int],
    axes: str | None,
    seed: int,
) -> dict[str, Any]:
    """Content of a `dataset.json`.

    Args:
        path: where it will lie; files below its folder are given relative to it, others absolutely.
        layout: names the labels.
        sections: the cases of every section; an empty section is left out.
        lesion_labels: label values that count as lesion.
        axes: where rows and columns of pictures run to, noted in every item unless None.
        seed: noted as the seed of the split.
    """
    root = path.parent.resolve()
    cases = [facts for section in sections.values() for facts in section]
    values = sorted({value for facts in cases for value in facts.label_values} | {0})
    lesion = [value for value in values if value in lesion_labels]
    datalist: dict[str, Any] = {
        "name": root.name,
        "description": f"{layout.title}, split by case",
        "modality": {"0": "CT"},
        "labels": {str(value): _label_name(value, lesion, layout) for value in values},
        "lesion_labels": lesion,
        "background_labels": [value for value in values if value and value not in lesion],
        "seed": seed,
    }
    for section, members in sections.items():
        if members:
            datalist[section] = [_item(facts, root, axes) for facts in members]
    datalist["sha256"] = {
        _entry(path, root): facts.sha256[key] for facts in cases for key, path in facts.files.paths.items()
    }
    return datalist


def write_datalist(path: Path, datalist: Mapping[str, Any], overwrite: bool = False) -> None:
    """Write a `dataset.json`; one with the same content stays untouched.

    Raises:
        InputError: there is another one and `overwrite` is not set.
    """
    content = json.dumps(datalist, indent=2, ensure_ascii=False) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != content and not overwrite:
        raise InputError(f"{path}: exists with other content; replace it with --overwrite or choose another --output")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def _item(facts: CaseFacts, root: Path, axes: str | None) -> dict[str, str]:
    item = {key: _entry(path, root) for key, path in facts.files.paths.items()}
    return item | ({"axes": axes} if axes and facts.files.is_picture else {})


def _entry(path: Path, root: Path) -> str:
    path = path.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _label_name(value: int, lesion_labels: list[int], layout: Layout) -> str:
    if value in layout.label_names:
        return layout.label_names[value]
    if value == 0:
        return "background"
    if value in lesion_labels:
        return "lesion" if len(lesion_labels) == 1 else f"lesion {value}"
    return f"other {value}"
