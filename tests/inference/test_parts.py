import pytest

from infnet_monai.errors import InputError
from infnet_monai.inference import Part
from infnet_monai.inference.parts import parse_part

NAMES = [f"ward/ct_{k}" for k in range(1000)]
SLURM = {"SLURM_ARRAY_TASK_ID": "12", "SLURM_ARRAY_TASK_MIN": "10", "SLURM_ARRAY_TASK_MAX": "14"}
SLURM |= {"SLURM_ARRAY_TASK_COUNT": "5"}


def test_each_scan_is_in_exactly_one_part_and_parts_are_of_similar_size():
    parts = [[name for name in NAMES if Part(number, 8).holds(name)] for number in range(1, 9)]
    assert sorted(name for part in parts for name in part) == sorted(NAMES)
    assert all(90 < len(part) < 160 for part in parts)


def test_the_part_of_a_scan_does_not_depend_on_other_scans():
    assert [Part(2, 3).holds(name) for name in ("a", "b", "c", "ct é")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("text", "environment", "part"),
    [
        ("", SLURM, None),
        ("3/8", {}, Part(3, 8)),
        ("3/8", SLURM, Part(3, 8)),
        ("auto", SLURM, Part(3, 5)),
        ("auto/20", {"SLURM_ARRAY_TASK_ID": "0"}, Part(1, 20)),
        ("auto/20", {"JOB_COMPLETION_INDEX": "19"}, Part(20, 20)),
    ],
)
def test_a_part_is_given_or_told_by_the_queue(text, environment, part):
    assert parse_part(text, environment) == part


@pytest.mark.parametrize(
    ("text", "environment", "words"),
    [
        ("0/8", {}, "part 0/8 does not exist"),
        ("9/8", {}, "part 9/8 does not exist; expected I/N with I from 1 to N"),
        ("1/0", {}, "part 1/0 does not exist"),
        ("3", {}, "part '3' cannot be used; expected I/N"),
        ("3/", {}, "part '3/' cannot be used"),
        ("auto/", {}, "part 'auto/' cannot be used"),
        ("half", {}, "part 'half' cannot be used"),
        ("auto", {}, "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set; give I/N"),
        ("auto", {"JOB_COMPLETION_INDEX": "1"}, "give auto/N with completions: N"),
        ("auto", SLURM | {"SLURM_ARRAY_TASK_COUNT": "3"}, "do not count from first to last by 1"),
        ("auto/20", {"SLURM_ARRAY_TASK_ID": "20"}, "part 21/20 does not exist"),
    ],
)
def test_a_part_that_is_none_is_refused_in_one_line(text, environment, words):
    with pytest.raises(InputError, match=words):
        parse_part(text, environment)
