"""Folds of a cross-validation, each a data set of its own that points at the files of the whole."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infnet_monai.data.datalist import DATALIST_NAME, load_datalist, read_datalist
from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256, write_json

__all__ = ["FOLD_SEED", "deal_folds", "extra_items", "fold_dir", "foldable_items", "write_folds"]

FOLD_SEED = 0
WATCHED_FRACTION = 0.1


def foldable_items(dataset_dir: str | Path) -> list[dict[str, Any]]:
    """Return the items of a data set's training section, and of its validation section where it has one.

    Args:
        dataset_dir: Folder that holds ``dataset.json``.

    Raises:
        InputError: The data set cannot be read.
    """
    validation = load_datalist(dataset_dir, "validation") if read_datalist(dataset_dir).get("validation") else []
    return load_datalist(dataset_dir, "training") + validation


def extra_items(extra_training: str | Path | None, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the items that join the training of every fold: the training section of another data set.

    Args:
        extra_training: Folder that holds the other ``dataset.json``; None for no such items.
        items: Items that are dealt into the folds.

    Raises:
        InputError: The data set cannot be read, or an image of it is one of ``items``, which would be trained on in
            the fold that measures it.
    """
    if extra_training is None:
        return []
    extra = load_datalist(extra_training, "training")
    dealt: dict[int, list[str]] = {}
    for item in items:
        dealt.setdefault(Path(item["image"]).stat().st_size, []).append(item["image"])
    for item in extra:
        for image in dealt.get(Path(item["image"]).stat().st_size, []):  # only files of one size are read
            if file_sha256(image) == file_sha256(item["image"]):
                raise InputError(
                    f"extra training {item['image']}: holds the same image as {image}, which the folds measure; take "
                    f"it out of the training section in {extra_training}"
                )
    return extra


def deal_folds(items: Sequence[Any], folds: int, seed: int = FOLD_SEED) -> list[list[Any]]:
    """Deal items into parts whose sizes differ by one at most; items of one ``group`` stay together.

    Groups are dealt by size, the largest first, each to the part that is smallest.

    MONAI's ``partition_dataset`` shuffles by another generator. It would give other parts than those that published
    results were computed with, so the dealing stays as it is.

    Args:
        items: Items of a data set; those that are mappings may name their ``group``, e.g. the patient.
        folds: Number of parts.
        seed: Seed of the shuffling.

    Returns:
        The parts, each in the order of ``items``.

    Raises:
        InputError: There are fewer than two parts, or fewer items or groups than parts.

    Example:
        >>> deal_folds("abcde", 2)
        [['a', 'c', 'd'], ['b', 'e']]
    """
    if not 2 <= folds <= len(items):
        raise InputError(f"folds {folds}: expected 2 to {len(items)}, the number of items in training and validation")
    groups = _groups(items)
    if folds > len(groups):
        raise InputError(f"folds {folds}: expected 2 to {len(groups)}, the number of groups (patients) of the items")
    random.Random(seed).shuffle(groups)
    parts: list[list[int]] = [[] for _ in range(folds)]
    for group in sorted(groups, key=len, reverse=True):
        min(parts, key=len).extend(group)
    return [[items[k] for k in sorted(part)] for part in parts]


def _groups(items: Sequence[Any]) -> list[list[int]]:
    """Return the positions of the items of each group; an item that names none is a group of its own."""
    groups: dict[Any, list[int]] = {}
    for k, item in enumerate(items):
        group = item.get("group") if isinstance(item, Mapping) else None
        groups.setdefault(k if group is None else str(group), []).append(k)
    return list(groups.values())


def fold_dir(output_dir: str | Path, fold: int) -> Path:
    """Return the folder of a fold's ``dataset.json``, for folds counted from 1."""
    return Path(output_dir) / "folds" / f"fold_{fold}"


def write_folds(
    dataset_dir: str | Path, folds: int, output_dir: str | Path, extra_training: str | Path | None = None
) -> None:
    """Write a ``dataset.json`` for each fold: its own part for test, the others for training.

    The ``validation`` section, which the bundles want, names a tenth of these others: it is watched only, since
    :class:`infnet_monai.handlers.FinalModel` chooses no epoch by it.

    Args:
        dataset_dir: Folder that holds ``dataset.json``.
        folds: Number of folds.
        output_dir: Folder of the comparison.
        extra_training: Folder of another data set, see :func:`extra_items`.

    Raises:
        InputError: See :func:`deal_folds`, :func:`foldable_items` and :func:`extra_items`.
    """
    items = foldable_items(dataset_dir)
    parts, extra = deal_folds(items, folds), extra_items(extra_training, items)
    joined = f" and the training section of {Path(extra_training).resolve()}" if extra_training is not None else ""
    for fold, test in enumerate(parts, start=1):
        training = [item for part in parts if part is not test for item in part]
        datalist = {
            "name": f"fold {fold} of {folds}",
            "description": f"{Path(dataset_dir).resolve()}: test holds this fold, training the others{joined}; "
            "validation repeats some of training and chooses nothing",
            "seed": FOLD_SEED,
            "training": training + extra,
            "validation": training[: max(1, round(WATCHED_FRACTION * len(training)))],
            "test": test,
        }
        write_json(datalist, fold_dir(output_dir, fold) / DATALIST_NAME)
