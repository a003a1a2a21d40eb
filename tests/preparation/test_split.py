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
