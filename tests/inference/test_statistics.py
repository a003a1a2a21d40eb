import json

import numpy as np
import pytest

from infnet_monai.inference.statistics import measure_lesions

AFFINE = np.diag([-2.0, 5.0, 10.0, 1.0])  # 0.1 ml a voxel


def test_hand_worked_numbers():
    lungs = np.zeros((6, 8, 4), dtype=np.uint8)
    lungs[1:5, 1:3, 0:3] = 1  # 24 voxels
    lungs[1:5, 5:7, 0:3] = 2  # 24 voxels
    lesions = np.zeros_like(lungs)
    lesions[1:3, 1:3, 1] = 1  # 4 voxels, right
    lesions[3, 3, 2] = 1  # touches the others by a corner; between the lungs, nearer to the right one
    lesions[4, 6, 2] = 1  # left
    hu = np.full(lungs.shape, -900, dtype=np.int16)
    hu[lesions > 0] = [-600, -600, -600, -300, -300, 0]

    statistics = measure_lesions(lesions, AFFINE, lungs, hu).as_dict()

    assert statistics == {
        "lesion_volume_ml": 0.6,
        "lung_volume_ml": 4.9,
        "right_lung_volume_ml": 2.5,
        "left_lung_volume_ml": 2.4,
        "lesion_percent_of_lung": pytest.approx(100 * 6 / 49, abs=1e-3),
        "lesion_percent_of_right_lung": 20.0,
        "lesion_percent_of_left_lung": pytest.approx(100 / 24, abs=1e-3),
        "slices": 4,
        "slices_with_lesion": 2,
        "lesion_count": 2,
        "largest_lesion_ml": 0.5,
        "mean_lesion_hu": -400.0,
        "lesion_touches_border": False,
        "removed_outside_chest_ml": None,
    }
    assert json.loads(json.dumps(statistics)) == statistics


def test_what_is_undefined_is_none():
    empty = np.zeros((4, 4, 2), dtype=bool)

    statistics = measure_lesions(empty, AFFINE, lung_labels=empty, image_hu=empty).as_dict()

    undefined = {name for name, value in statistics.items() if value is None}
    assert undefined == {
        "lung_volume_ml",
        "right_lung_volume_ml",
        "left_lung_volume_ml",
        "lesion_percent_of_lung",
        "lesion_percent_of_right_lung",
        "lesion_percent_of_left_lung",
        "largest_lesion_ml",
        "mean_lesion_hu",
        "removed_outside_chest_ml",
    }
    assert statistics["lesion_volume_ml"] == 0
    assert statistics["lesion_count"] == 0


def test_the_lesion_of_a_lung_that_was_not_found_is_not_booked_to_the_other():
    lungs = np.zeros((4, 8, 2), dtype=np.uint8)
    lungs[1:3, 5:7, 0] = 2  # 4 voxels
    lesions = np.zeros_like(lungs)
    lesions[1, 1, 0] = lesions[1, 5, 0] = lesions[0, 6, 0] = 1  # right of the left lung, in it, and at its pleura

    statistics = measure_lesions(lesions, AFFINE, lungs)

    assert statistics.lesion_volume_ml == pytest.approx(0.3)
    assert statistics.left_lung_volume_ml == pytest.approx(0.5)
    assert statistics.lesion_percent_of_left_lung == pytest.approx(40)
    for name in ("right_lung_volume_ml", "lesion_percent_of_right_lung", "lung_volume_ml", "lesion_percent_of_lung"):
        assert getattr(statistics, name) is None
    assert statistics.mean_lesion_hu is None


def make_remnant():
    """A right lung of 16 voxels, and two voxels of a left lung that is dense."""
    lungs = np.zeros((4, 8, 3), dtype=np.uint8)
    lungs[:, 1:3, :2] = 1
    lungs[0, 6, :2] = 2
    return lungs


def test_a_dense_lung_that_nobody_segmented_has_no_volume_and_no_fraction():
    lungs = make_remnant()

    statistics = measure_lesions(np.zeros_like(lungs), AFFINE, lungs)

    assert statistics.right_lung_volume_ml == pytest.approx(1.6)
    assert statistics.left_lung_volume_ml is statistics.lesion_percent_of_left_lung is None
    assert statistics.lung_volume_ml is statistics.lesion_percent_of_lung is None


def test_a_dense_lung_that_is_segmented_as_lesion_counts_as_a_whole():
    lungs = make_remnant()
    lesions = np.zeros_like(lungs)
    lesions[1:, 5:7, :2] = 1  # 12 voxels of the left lung, none of them in its mask

    statistics = measure_lesions(lesions, AFFINE, lungs)

    assert statistics.left_lung_volume_ml == pytest.approx(1.4)
    assert statistics.lesion_percent_of_left_lung == pytest.approx(100 * 12 / 14)
    assert statistics.lesion_percent_of_lung == pytest.approx(100 * 12 / 30)


def test_healthy_lungs_have_zero_per_cent():
    lungs = np.ones((2, 2, 2))
    lungs[:, 1] = 2

    statistics = measure_lesions(np.zeros((2, 2, 2)), AFFINE, lungs)

    assert statistics.lesion_percent_of_lung == 0
    assert statistics.lung_volume_ml == pytest.approx(0.8)


@pytest.mark.parametrize("voxel", [(0, 2, 2), (4, 2, 2), (2, 0, 2), (2, 4, 2), (2, 2, 0), (2, 2, 4)])
def test_lesions_at_each_face_touch_the_border(voxel):
    lesions = np.zeros((5, 5, 5), dtype=np.uint8)
    lesions[voxel] = 1

    assert measure_lesions(lesions, AFFINE).lesion_touches_border


def test_volume_of_oblique_voxels_comes_from_the_determinant():
    turn = np.deg2rad(30)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag([10.0, 10.0, 10.0])

    assert measure_lesions(np.ones((1, 1, 2)), affine).lesion_volume_ml == pytest.approx(2)
