import numpy as np

from infnet_monai.inference.class_statistics import measure_classes

AFFINE = np.diag([-10.0, -10.0, 10.0, 1.0])  # a voxel is 1 ml
VALUES = {"ground_glass": 1, "consolidation": 2}


def test_volumes_and_fractions_of_each_class():
    labels, lungs = np.zeros((4, 6, 1), np.uint8), np.zeros((4, 6, 1), np.uint8)
    lungs[:, :2], lungs[:, 4:] = 1, 2  # eight voxels each; axis 1 runs from right to left
    labels[0, 0] = labels[1, 0] = labels[0, 4] = 1
    labels[2, 0] = 2

    found = measure_classes(labels, AFFINE, VALUES, lungs)

    glass, solid = found["ground_glass"].as_dict(), found["consolidation"].as_dict()
    assert glass == {
        "volume_ml": 3,
        "percent_of_lesion": 75,
        "percent_of_right_lung": 25,
        "percent_of_left_lung": 12.5,
    }
    assert solid == {"volume_ml": 1, "percent_of_lesion": 25, "percent_of_right_lung": 12.5, "percent_of_left_lung": 0}


def test_a_lesion_beside_the_lung_counts_as_lung_for_every_class():
    labels, lungs = np.zeros((4, 6, 1), np.uint8), np.zeros((4, 6, 1), np.uint8)
    lungs[:, :2], lungs[:, 4:] = 1, 2
    labels[0, 2] = 2  # nearer to the right lung, which then has nine voxels
    labels[0, 0] = 1
    found = measure_classes(labels, AFFINE, VALUES, lungs)
    assert found["ground_glass"].as_dict()["percent_of_right_lung"] == 11.111
    assert found["consolidation"].as_dict()["percent_of_right_lung"] == 11.111


def test_what_is_undefined_is_none():
    found = measure_classes(np.zeros((2, 2, 2), np.uint8), AFFINE, VALUES)
    assert found["consolidation"].as_dict() == {
        "volume_ml": 0,
        "percent_of_lesion": None,
        "percent_of_right_lung": None,
        "percent_of_left_lung": None,
    }
