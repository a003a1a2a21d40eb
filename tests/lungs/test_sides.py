import numpy as np

from infnet_monai.lungs.sides import label_sides


def as_volume(rows):
    return np.array([[c == "#" for c in row] for row in rows])[..., np.newaxis]


def test_lungs_apart_are_right_and_left():
    lungs = as_volume(["..##....##..", ".###....###.", ".###....###.", "..##....##.."])

    labels = label_sides(lungs)[..., 0]

    np.testing.assert_array_equal(labels[:, :6], lungs[:, :6, 0] * 1)
    np.testing.assert_array_equal(labels[:, 6:], lungs[:, 6:, 0] * 2)


def test_the_seam_bends_around_a_lung_that_crosses_the_middle():
    lungs = as_volume(
        [
            "#####....####",
            "########.####",
            "#######..####",
            "#####....####",
            "####.....####",
            "####.....####",
            "####....#####",
            "####...######",
        ]
    )

    labels = label_sides(lungs)[..., 0]

    assert (labels[1, :8] == 1).all()
    assert (labels[7, 7:] == 2).all()


def test_a_single_lung_is_named_by_its_hollow_side():
    right_lung = as_volume(["..#######", ".####....", "####.....", "####.....", ".####....", "..#######"])

    assert set(np.unique(label_sides(right_lung))) == {0, 1}
    assert set(np.unique(label_sides(right_lung[:, ::-1]))) == {0, 2}


def test_a_single_lung_without_a_hollow_is_named_by_its_place():
    block = np.zeros((6, 20, 2), dtype=bool)
    block[1:5, 2:8] = True

    assert set(np.unique(label_sides(block))) == {0, 1}
    assert set(np.unique(label_sides(block[:, ::-1]))) == {0, 2}
