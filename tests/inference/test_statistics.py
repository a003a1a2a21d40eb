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
    }
    assert statistics["lesion_volume_ml"] == 0
    assert statistics["lesion_count"] == 0


def test_one_lung_alone_takes_all_lesions():
    lungs = np.zeros((4, 8, 2), dtype=np.uint8)
    lungs[1:3, 5:7, 0] = 2
    lesions = np.zeros_like(lungs)
    lesions[1, 1, 0] = lesions[1, 5, 0] = 1

    statistics = measure_lesions(lesions, AFFINE, lungs)

    assert statistics.lesion_percent_of_left_lung == statistics.lesion_percent_of_lung == pytest.approx(40)
    assert statistics.right_lung_volume_ml is None
    assert statistics.lesion_percent_of_right_lung is None
    assert statistics.mean_lesion_hu is None


def test_healthy_lungs_have_zero_per_cent():
    lungs = np.full((2, 2, 2), 1)

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
