import pytest

from infnet_monai.errors import InputError
from infnet_monai.preparation.split import split_cases

NAMES = [f"case_{number}" for number in range(10)]


def test_fractions_are_drawn_by_the_seed_and_cover_all_cases():
    split = split_cases(NAMES, validation=0.2, test=0.1, seed=1)
    assert [len(split[section]) for section in ("training", "validation", "test")] == [7, 2, 1]
    assert sorted(name for names in split.values() for name in names) == NAMES
    assert split == split_cases(NAMES, validation=0.2, test=0.1, seed=1)
    assert any(split != split_cases(NAMES, validation=0.2, test=0.1, seed=seed) for seed in range(2, 6))


def test_a_small_fraction_is_at_least_one_case():
    assert len(split_cases(NAMES[:3], validation=0.1)["validation"]) == 1


def test_names_keep_their_order_and_training_names_leave_others_out():
    split = split_cases(NAMES, training=["case_8", "case_1"], validation=["case_9"])
    assert split == {"training": ["case_8", "case_1"], "validation": ["case_9"], "test": []}


def test_fraction_is_drawn_from_cases_without_a_place():
    split = split_cases(NAMES[:3], validation=0.4, test=["case_0"])
    assert split["test"] == ["case_0"]
    assert sorted(split["training"] + split["validation"]) == ["case_1", "case_2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"validation": ["case_11"]}, "validation case 'case_11': no such case; there are case_0"),
        ({"validation": ["case_1"], "test": ["case_1"]}, "'case_1' is named for validation and for test"),
        ({"validation": 1.5}, "validation fraction 1.5: expected a fraction"),
        ({"validation": NAMES}, "leave none for training"),
        ({"training": [], "validation": 0.5}, "leave none for training"),
    ],
)
def test_impossible_splits_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        split_cases(NAMES, **arguments)


PAIRS = {name: name[: -len("_a")] for name in ("x_a", "x_b", "y_a", "y_b", "z_a", "z_b")}  # three patients


def test_groups_are_drawn_whole():
    for seed in range(10):
        split = split_cases(list(PAIRS), validation=0.34, test=0.3, seed=seed, groups=PAIRS)
        groups = [{PAIRS[name] for name in names} for names in split.values()]
        assert [len(split[section]) for section in ("training", "validation", "test")] == [2, 2, 2]
        assert sorted(group for section in groups for group in section) == ["x", "y", "z"]


def test_a_group_that_is_too_large_for_the_fraction_is_passed_over_unless_there_is_none_yet():
    groups = {"a": "big", "b": "big", "c": "big", "d": "d", "e": "e"}
    sizes = {
        len(split_cases(list(groups), validation=0.4, seed=seed, groups=groups)["validation"]) for seed in range(20)
    }
    assert sizes == {2, 3}  # d and e, or the big one where it is drawn first


def test_unnamed_cases_of_a_named_group_follow_it():
    split = split_cases(list(PAIRS), validation=["y_b"], test=["z_a"], groups=PAIRS)
    assert split == {"training": ["x_a", "x_b"], "validation": ["y_b", "y_a"], "test": ["z_a", "z_b"]}


def test_named_training_cases_leave_the_rest_of_their_group_out():
    split = split_cases(list(PAIRS), training=["x_a"], validation=0.1, groups=PAIRS)
    assert split["training"] == ["x_a"]
    assert len(split["validation"]) == 2
    assert "x_b" not in split["validation"]


def test_a_group_named_for_two_sections_is_refused():
    with pytest.raises(InputError, match="group 'x' is named for validation and, by case 'x_b', for test"):
        split_cases(list(PAIRS), validation=["x_a"], test=["x_b"], groups=PAIRS)


def test_groups_of_one_change_nothing():
    alone = {name: name for name in NAMES}
    for seed in range(5):
        assert split_cases(NAMES, test=0.3, seed=seed, groups=alone) == split_cases(NAMES, test=0.3, seed=seed)
