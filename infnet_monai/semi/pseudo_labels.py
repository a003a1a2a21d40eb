"""Pseudo labels as files: pictures beside a ``dataset.json`` that a bundle trains on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from infnet_monai.data.datalist import DATALIST_NAME, load_datalist
from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write, file_sha256, write_json

__all__ = [
    "LABELS_DIR",
    "LESION_VALUE",
    "check_lesions",
    "hash_labels",
    "pseudo_item",
    "write_label",
    "write_pseudo_datalist",
]

# White, so that a viewer shows it.
LESION_VALUE = 255
LABELS_DIR = "labels"


def pseudo_item(picture: Path, axes: str, output_dir: Path) -> dict[str, Any]:
    """Return the datalist item of a picture and its pseudo label, by absolute paths.

    Args:
        picture: Path of the unlabelled slice.
        axes: Directions that its rows and columns run to, e.g. ``PL``.
        output_dir: Folder of the propagation.
    """
    label = output_dir.resolve() / LABELS_DIR / f"{picture.stem}.png"
    return {"image": str(picture.resolve()), "label": str(label), "axes": axes, "lesion_labels": [LESION_VALUE]}


def write_label(mask: ArrayLike, path: str | Path) -> None:
    """Write a mask ``(rows, columns)`` as an 8-bit PNG of the same size, whole or not at all."""
    with atomic_write(path) as draft:
        Image.fromarray(np.where(np.asarray(mask) > 0, LESION_VALUE, 0).astype(np.uint8)).save(draft)


def write_pseudo_datalist(items: Sequence[Mapping[str, Any]], labelled_dir: str | Path, output_dir: Path) -> Path:
    """Write the ``dataset.json`` of the pseudo labels: they are for training, the labelled data for validation.

    Args:
        items: Items that have their label, of :func:`pseudo_item`.
        labelled_dir: Folder that holds the ``dataset.json`` of the labelled data.
        output_dir: Folder of the propagation.

    Returns:
        Path of the file.
    """
    root, path = output_dir.resolve(), output_dir / DATALIST_NAME
    datalist = {
        "name": root.name,
        "description": f"Pseudo labels by random propagation; validation is that of {Path(labelled_dir).resolve()}",
        "modality": {"0": "CT"},
        "labels": {"0": "background", str(LESION_VALUE): "lesion, predicted"},
        "training": [{**item, "label": Path(item["label"]).relative_to(root).as_posix()} for item in items],
        "validation": load_datalist(labelled_dir, "validation"),
    }
    write_json(datalist, path)
    return path


def check_lesions(items: Sequence[Mapping[str, Any]]) -> None:
    """Refuse pseudo labels that are all empty: nothing can be learnt from them.

    Raises:
        InputError: No label holds a lesion, or one is not there any more.
    """
    for item in items:
        with Image.open(_existing(item)) as label:
            if label.getextrema()[1]:
                return
    raise InputError(
        f"{Path(items[0]['label']).parent}: none of the {len(items)} pseudo labels holds a lesion; start from a model "
        "that has learnt more (--weights, --epochs) or give a lower --threshold"
    )


def hash_labels(items: Sequence[Mapping[str, Any]]) -> str:
    """Return the SHA-256 over all pseudo labels.

    Raises:
        InputError: A label is not there any more.
    """
    digest = hashlib.sha256()
    for item in items:
        digest.update(file_sha256(_existing(item)).encode())
    return digest.hexdigest()


def _existing(item: Mapping[str, Any]) -> Path:
    path = Path(item["label"])
    if not path.is_file():
        remedy = f"restore it, or remove {path.parents[1] / 'rounds'} to label all slices again"
        raise InputError(f"{path}: no such pseudo label; {remedy}")
    return path
