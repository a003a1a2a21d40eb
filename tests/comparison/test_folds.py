import json

import pytest

from infnet_monai.comparison.folds import deal_folds, fold_dir, foldable_items, write_folds
from infnet_monai.data import load_datalist
from infnet_monai.errors import InputError


def images(items):
    return [item["image"] for item in items]


def test_each_item_is_held_out_once_and_trained_on_in_all_other_folds(tiny_dataset, tmp_path):
    items = images(foldable_items(tiny_dataset))
    assert len(items) == 3  # two for training, one for validation; the test case stays out
    write_folds(tiny_dataset, 3, tmp_path)
    held_out = []
    for fold in (1, 2, 3):
        training, validation, test = (
            images(load_datalist(fold_dir(tmp_path, fold), section)) for section in ("training", "validation", "test")
        )
        assert sorted(training + test) == sorted(items)
        assert set(validation) <= set(training)
        held_out += test
    assert sorted(held_out) == sorted(items)


def test_folds_keep_what_the_data_set_says_of_its_items(tiny_dataset, tmp_path):
    datalist = json.loads((tiny_dataset / "dataset.json").read_text())
    datalist["lesion_labels"] = [1]
    datalist["training"][0]["axes"] = "LP"
    del datalist["validation"]
    (tiny_dataset / "dataset.json").write_text(json.dumps(datalist))
    write_folds(tiny_dataset, 2, tmp_path)
    items = [item for fold in (1, 2) for item in load_datalist(fold_dir(tmp_path, fold), "test")]
    assert sorted(items, key=str) == sorted(foldable_items(tiny_dataset), key=str)
    assert [item["lesion_labels"] for item in items] == [[1], [1]]
    assert sum("axes" in item for item in items) == 1


def test_dealing_is_even_and_fixed_by_the_seed():
    assert deal_folds(range(10), 3) == [[2, 5, 6, 7], [0, 3, 8], [1, 4, 9]]  # published results depend on it
    parts = deal_folds(range(52), 5)
    assert [len(part) for part in parts] == [11, 11, 10, 10, 10]
    assert parts == deal_folds(range(52), 5)
    assert parts != deal_folds(range(52), 5, seed=1)


def test_items_of_a_group_stay_in_one_fold():
    """Groups of 4, 2 and 1 and two items of none: the two folds get 4 + 1 and 2 + 1 + 1, or 4 and 2 + 1 + 1 + 1."""
    items = [{"image": str(k), "group": group} for k, group in enumerate("aabaabc")] + [{"image": "7"}, {"image": "8"}]
    parts = deal_folds(items, 2)
    assert sorted(map(len, parts)) == [4, 5]
    for group in "abc":
        assert sum(any(item.get("group") == group for item in part) for part in parts) == 1
    assert all(part == sorted(part, key=lambda item: int(item["image"])) for part in parts)


def test_more_folds_than_groups_are_refused():
    items = [{"image": str(k), "group": "ab"[k % 2]} for k in range(6)]
    with pytest.raises(InputError, match="folds 3: expected 2 to 2, the number of groups"):
        deal_folds(items, 3)


@pytest.mark.parametrize("folds", [1, 4])
def test_impossible_numbers_of_folds(folds):
    with pytest.raises(InputError, match=f"folds {folds}: expected 2 to 3"):
        deal_folds(range(3), folds)
