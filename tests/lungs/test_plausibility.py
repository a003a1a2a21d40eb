import numpy as np
import pytest

from infnet_monai.lungs import lung_warnings, usable_lungs

VOXEL_ML = 10.0


def make_lungs(right=200, left=200, touching=False):
    """Lungs of so many voxels, spread over eight slices of ten; touching: over all ten."""
    labels = np.zeros((60, 2, 10), dtype=np.uint8)
    slices = range(10) if touching else range(1, 9)
    for column, (side, voxels) in enumerate(((1, right), (2, left))):
        for n in range(voxels):
            labels[n // len(slices), column, slices[n % len(slices)]] = side
    return labels


def test_plausible_lungs_give_no_warning():
    assert lung_warnings(make_lungs(), VOXEL_ML) == []


def test_no_lungs_give_no_warning_here():
    assert lung_warnings(make_lungs(0, 0), VOXEL_ML) == []


@pytest.mark.parametrize(
    ("lungs", "said"),
    [
        (make_lungs(left=0), "the left lung was not found"),
        (make_lungs(right=0), "the right lung was not found"),
        (make_lungs(left=60), "the left lung was found only in part (600 ml, the other 2000)"),
        (make_lungs(right=40, left=40), "the lungs have only 800 ml"),
        (make_lungs(right=480, left=480, touching=False), ""),
        (make_lungs(touching=True), "they reach its lowest and its highest slice"),
    ],
)
def test_what_is_implausible_is_said_in_one_sentence(lungs, said):
    warnings = lung_warnings(lungs, VOXEL_ML)

    assert len(warnings) == bool(said)
    assert all(said in warning for warning in warnings)


def test_lungs_larger_than_any_are_doubted():
    (warning,) = lung_warnings(make_lungs(), 1000.0)

    assert "400000 ml" in warning


@pytest.mark.parametrize(
    ("right", "left", "usable"),
    [
        (3, 1, (True, True)),
        (3.1, 1, (True, False)),
        (1, 3.1, (False, True)),
        (0, 5, (False, True)),
        (0, 0, (False,) * 2),
    ],
)
def test_a_lung_of_less_than_a_third_of_the_other_is_not_usable(right, left, usable):
    assert usable_lungs(right, left) == usable
