import numpy as np
import pytest
import torch

from infnet_monai.errors import InputError
from infnet_monai.metrics import structure_measure
from infnet_monai.metrics.inputs import prepared_pair
from infnet_monai.metrics.structure import part_sums


def measure(pred, reference, **options):
    pair = (torch.as_tensor(np.asarray(array))[None, None] for array in (pred, reference))
    return structure_measure(*pair, **options).item()


def test_empty_and_full_reference_leave_the_mean():
    pred = [[0.1, 0.3], [0.2, 0.2]]
    assert measure(pred, np.zeros((2, 2)), protocol="clinical") == pytest.approx(0.8)
    assert measure(pred, np.ones((2, 2)), protocol="clinical") == pytest.approx(0.2)
    assert measure(pred, np.zeros((2, 2))) == pytest.approx(0.5)  # scaled: 0, 1, 0.5, 0.5


def test_a_perfect_map_scores_one_and_an_inverted_one_zero():
    reference = np.zeros((6, 6), int)
    reference[2:4, 1:5] = 1
    assert measure(reference.astype(float), reference) == pytest.approx(1, abs=1e-6)
    assert measure(1.0 - reference, reference) == 0


def test_object_and_region_by_hand():
    # Two pixels, foreground right: centroid column 2, so the left part is everything and x = (a, b), y = (0, 1).
    # a = 0.2, b = 0.6, protocol without scaling.
    object_score = 0.5 * 2 * 0.6 / (0.36 + 1) + 0.5 * 2 * 0.8 / (0.64 + 1)
    x, y = 0.4, 0.5
    variances, covariance = 0.08 + 0.5, 0.2
    region_score = 4 * x * y * covariance / ((x**2 + y**2) * variances)
    expected = 0.5 * object_score + 0.5 * region_score
    assert measure([[0.2, 0.6]], [[0, 1]], protocol="clinical") == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("foreground", [(0, 0), (0, 4), (6, 0), (6, 4), (3, 2)])
def test_centroid_on_a_border_leaves_parts_empty(foreground, brute_force):
    pred, reference = np.random.default_rng(1).random((7, 5)), np.zeros((7, 5), bool)
    reference[foreground] = True
    assert measure(pred, reference) == pytest.approx(brute_force(pred, reference)["values"][3], abs=1e-9)


def test_centroid_halfway_is_rounded_up():
    # rows 2 and 3 (from 1): the centroid 2.5 becomes 3, so the upper part has three rows
    reference = torch.zeros(1, 1, 5, 1)
    reference[:, :, 1:3] = 1
    parts = part_sums(*prepared_pair(torch.rand(1, 1, 5, 1), reference))
    assert parts.n[0, 0].tolist() == [[3, 0], [2, 0]]
    assert parts.n[0, 1].tolist() == [[2, 0], [0, 0]]


def test_flat_background_far_from_zero_counts_as_flat():
    # 0.3 has no exact square or sum in floating point, yet the parts without lesion are flat and alike: score 1 each
    pred = np.full((31, 29), 0.3)
    pred[3, 3] = 1.0
    reference = np.zeros((31, 29), bool)
    reference[3, 3] = True
    parts = part_sums(*(torch.as_tensor(array, dtype=torch.float64)[None, None] for array in (pred, reference)))
    assert parts.scatter[0, 0].flatten()[1:].tolist() == [0, 0, 0]


def test_golden_values(golden):
    for name, (pred, reference, _, values) in golden.items():
        assert measure(pred, reference) == pytest.approx(values["s_measure"], abs=1e-9), name


def test_volumes_are_refused():
    with pytest.raises(InputError, match="unbind the volume"):
        structure_measure(torch.rand(1, 1, 4, 4, 4), torch.zeros(1, 1, 4, 4, 4))
