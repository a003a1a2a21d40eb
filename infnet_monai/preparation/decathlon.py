"""The layout of the Medical Segmentation Decathlon: a ``dataset.json`` that lists images and labels."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infnet_monai.data.datalist import DATALIST_NAME, SECTIONS
from infnet_monai.data.slice_dataset import case_name
from infnet_monai.errors import InputError
from infnet_monai.preparation.case_files import CaseFiles, FoundCases

__all__ = ["DecathlonDataset"]

OWN_KEY = "lesion_labels"  # only a dataset.json written by this package has it
LUNG_NAME = re.compile(r"((left|right)[ _-]?)?lungs?([ _-]?(left|right))?", re.IGNORECASE)


class DecathlonDataset:
    """A folder with the ``dataset.json`` of the Medical Segmentation Decathlon (``imagesTr/``, ``labelsTr/``).

    Every item with image and label is a case, whatever its section; items without a label (``imagesTs/``) are left
    out. Each named value but 0 and the lungs counts as lesion.
    """

    expected = "dataset.json of the Medical Segmentation Decathlon"

    def find(self, folder: Path, output: Path) -> FoundCases | None:
        """Take the items as cases; see :class:`infnet_monai.preparation.layouts.Layout`.

        Raises:
            InputError: The new ``dataset.json`` would take the place of the one that is read, or a label's value is
                not a whole number.
        """
        datalist = _read(folder / DATALIST_NAME)
        if datalist is None:
            return None
        if output.resolve() == folder.resolve():
            raise InputError(f"{folder / DATALIST_NAME}: is the data set's own; give --output FOLDER for the new one")
        names = _label_names(datalist.get("labels", {}), folder / DATALIST_NAME)
        lesion = tuple(value for value, name in names.items() if value and not LUNG_NAME.fullmatch(name))
        items = [item for section in SECTIONS for item in datalist.get(section) or [] if _has_label(item)]
        return FoundCases(
            "Medical Segmentation Decathlon",
            [_case(folder, item) for item in items],
            label_names=names,
            lesion_labels=lesion,
        )


def _read(path: Path) -> Mapping[str, Any] | None:
    """Content of a ``dataset.json`` with labelled items that this package did not write, else None."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or OWN_KEY in content or not isinstance(content.get("training"), list):
        return None
    return content if any(map(_has_label, content["training"])) else None


def _has_label(item: Any) -> bool:
    return isinstance(item, dict) and {"image", "label"} <= item.keys()


def _label_names(labels: Mapping[str, Any], path: Path) -> dict[int, str]:
    try:
        return {int(value): str(name) for value, name in labels.items()}
    except (AttributeError, ValueError) as error:
        raise InputError(f"{path}: labels {labels!r}: expected names by value, e.g. {{'1': 'lesion'}}") from error


def _case(folder: Path, item: Mapping[str, str]) -> CaseFiles:
    files = {key: folder / item[key] for key in ("image", "label", "lung", "edge") if key in item}
    return CaseFiles(case_name(item["image"]), files["image"], files["label"], files.get("lung"), files.get("edge"))
