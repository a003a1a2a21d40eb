import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_semi import slice_with_lesion

from infnet_monai.data import load_datalist
from infnet_monai.errors import InputError
from infnet_monai.semi.pseudo_labels import (
    check_lesions,
    hash_labels,
    pseudo_item,
    write_label,
    write_pseudo_datalist,
)


@pytest.fixture
def items(options):
    """Items of two unlabelled slices with their labels."""
    output_dir = options().output_dir
    items = [pseudo_item(path, "LP", output_dir) for path in sorted(options().unlabelled_dir.iterdir())[:2]]
    for seed, item in enumerate(items, start=100):
        write_label(slice_with_lesion(seed)[1], item["label"])
    return items


def test_label_is_a_black_and_white_picture_of_the_masks_size(tmp_path):
    mask = np.zeros((5, 7), bool)
    mask[0, 6] = True
    write_label(mask, tmp_path / "labels" / "a.png")
    label = Image.open(tmp_path / "labels" / "a.png")
    assert (label.mode, label.size) == ("L", (7, 5))
    assert np.array_equal(np.asarray(label), 255 * mask)
    assert [path.name for path in (tmp_path / "labels").iterdir()] == ["a.png"]


def test_datalist_is_one_that_bundles_train_on(options, items):
    path = write_pseudo_datalist(items, options().dataset_dir, options().output_dir)
    training = load_datalist(path.parent, "training")
    assert training == items
    assert json.loads(path.read_text())["training"][0]["label"] == "labels/slice_0.png"
    assert load_datalist(path.parent, "validation") == load_datalist(options().dataset_dir, "validation")


def test_labels_without_any_lesion_are_refused(items):
    check_lesions(items)
    write_label(np.zeros((40, 32)), items[0]["label"])
    check_lesions(items)
    write_label(np.zeros((40, 32)), items[1]["label"])
    with pytest.raises(InputError, match="none of the 2 pseudo labels holds a lesion; start from a model"):
        check_lesions(items)


def test_hash_changes_with_a_label_and_a_missing_one_is_named(items):
    before = hash_labels(items)
    assert hash_labels(items) == before
    write_label(np.ones((40, 32)), items[1]["label"])
    assert hash_labels(items) != before
    Path(items[1]["label"]).unlink()
    with pytest.raises(InputError, match=r"slice_1\.png: no such pseudo label; restore it, or remove .*rounds"):
        hash_labels(items)
