import json
from pathlib import Path

import pytest
from tiny_cases import write_case

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


def test_extra_training_joins_every_training_and_is_never_measured(tiny_dataset, tmp_path):
    cases = [write_case(tmp_path / "more", f"more_{k}", seed=10 + k) for k in range(2)]
    (tmp_path / "more" / "dataset.json").write_text(json.dumps({"training": cases, "test": cases[:1]}))
    plain, joined = tmp_path / "plain", tmp_path / "joined"
    write_folds(tiny_dataset, 3, plain)
    write_folds(tiny_dataset, 3, joined, tmp_path / "more")
    for fold in (1, 2, 3):
        for section, extra in (("training", [0, 1]), ("validation", []), ("test", [])):
            added = [str(tmp_path / "more" / cases[k]["image"]) for k in extra]
            alone = images(load_datalist(fold_dir(plain, fold), section))
            assert images(load_datalist(fold_dir(joined, fold), section)) == alone + added


def test_extra_training_that_the_folds_measure_is_refused(tiny_dataset, tmp_path):
    items = foldable_items(tiny_dataset)
    copied = tmp_path / "other name.nii.gz"
    copied.write_bytes(Path(items[2]["image"]).read_bytes())
    datalist = {"training": [{"image": str(copied), "label": items[2]["label"]}]}
    (tmp_path / "dataset.json").write_text(json.dumps(datalist))
    with pytest.raises(InputError, match=r"other name\.nii\.gz: holds the same image as .*case_2\.nii\.gz"):
        write_folds(tiny_dataset, 3, tmp_path / "out", tmp_path)


@pytest.mark.parametrize("folds", [1, 4])
def test_impossible_numbers_of_folds(folds):
    with pytest.raises(InputError, match=f"folds {folds}: expected 2 to 3"):
        deal_folds(range(3), folds)
