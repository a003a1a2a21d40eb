import numpy as np
import pytest
from dicom_series import AXIAL, CORONAL, write_heights, write_slices

from infnet_monai.errors import InputError
from infnet_monai.scans.dicom_series import find_series
from infnet_monai.scans.load import load_scan
from infnet_monai.scans.source import Severity

OBLIQUE = (0.8, 0.6, 0, -0.48, 0.64, 0.6)


def problems(folder):
    return {problem.code: problem.severity for problem in find_series(folder).problems}


def accepted(folder):
    """Read a series whatever its problems."""
    source = find_series(folder)
    return load_scan(source.accepting([problem.code for problem in source.problems]))


def heights_of_voxels(volume):
    """Height of each plane of a volume in the patient in mm, by its affine."""
    return np.asarray(volume.affine)[2, 3] + np.arange(volume.shape[-1]) * np.asarray(volume.affine)[2, 2]


@pytest.mark.parametrize("orientation", [AXIAL, CORONAL, OBLIQUE], ids=["axial", "coronal", "oblique"])
def test_a_marker_lies_where_its_image_says(tmp_path, orientation):
    normal = np.cross(orientation[:3], orientation[3:])
    corner = np.array([-20.0, 30.0, -100.0])
    values = np.zeros((5, 6, 7), np.int16)
    values[3, 4, 2] = 1000  # image 3, row 4, column 2
    positions = [corner + 2.5 * k * normal for k in range(5)]
    write_slices(tmp_path / "ct", positions, values, orientation, spacing_mm=(0.8, 0.6, 2.5))

    volume = load_scan(tmp_path / "ct")

    index = np.argwhere(volume[0].numpy() == 1000)
    assert index.tolist() == [[2, 4, 3]]
    # 2 columns of 0.6 mm along a row, 4 rows of 0.8 mm along a column, 3 slices of 2.5 mm; RAS has x and y reversed
    patient = corner + 1.2 * np.array(orientation[:3]) + 3.2 * np.array(orientation[3:]) + 7.5 * normal
    found = np.asarray(volume.affine) @ [*index[0], 1]
    np.testing.assert_allclose(found[:3], patient * [-1, -1, 1], atol=1e-4)


def test_a_regular_series_has_no_problem_whatever_the_last_digits_of_its_positions(tmp_path):
    write_heights(tmp_path / "ct", [round(0.625 * k, 2) for k in range(30)])
    source = find_series(tmp_path / "ct")
    assert source.problems == ()
    assert source.header.shape == (5, 4, 30)
    assert source.header.spacing_mm == pytest.approx((1.5, 2.0, 0.625), abs=1e-3)
    assert source.header.tilt_degrees == 0


def test_overlapping_slices_are_regular(tmp_path):
    write_heights(tmp_path / "ct", [0, 2, 4, 6], tags={"SliceThickness": 5})
    assert problems(tmp_path / "ct") == {}
    assert find_series(tmp_path / "ct").header.thickness_mm == 5


def test_thin_slices_far_apart_leave_gaps(tmp_path):
    write_heights(tmp_path / "ct", [0, 10, 20, 30], tags={"SliceThickness": 1.25})
    (warning,) = find_series(tmp_path / "ct").warnings
    assert warning.startswith("slices of 1.25 mm are 10 mm apart")
    write_heights(tmp_path / "near", [0, 10, 20, 30], tags={"SliceThickness": 7.5})
    assert problems(tmp_path / "near") == {}


def test_a_few_missing_slices_are_interpolated_and_named(tmp_path):
    write_heights(tmp_path / "ct", [5.6 * k for k in range(40) if k not in (3, 20)], tags={"SliceThickness": 5.6})

    volume = load_scan(tmp_path / "ct")

    assert problems(tmp_path / "ct") == {"missing-slices": Severity.WARNING}
    assert volume.shape == (1, 5, 4, 40)
    np.testing.assert_allclose(heights_of_voxels(volume), 5.6 * np.arange(40), atol=1e-4)
    np.testing.assert_allclose(volume[0, 0, 0].numpy(), 5.6 * np.arange(40), atol=1e-3)
    assert abs(np.linalg.det(np.asarray(volume.affine))) == pytest.approx(1.5 * 2.0 * 5.6)
    (warning,) = volume.meta["warnings"]
    assert "2 of 40 slices are missing (at 16.8, 112.0 mm; the largest gap is 11.2 mm)" in warning


@pytest.mark.parametrize(
    ("heights", "words"),
    [
        ([5.6 * k for k in range(40) if k not in range(3, 11)], "8 of 40 slices are missing"),
        ([5.6 * k for k in range(40) if k not in (3, 4, 5)], r"3 of 40 slices .* the largest gap is 22\.4 mm"),
        ([5.0 * k for k in range(10) if k not in (3, 5)], "2 of 10 slices are missing"),
    ],
    ids=["many", "wide", "fraction"],
)
def test_more_missing_slices_are_refused_and_still_lie_right_where_accepted(tmp_path, heights, words):
    write_heights(tmp_path / "ct", heights)

    with pytest.raises(InputError, match=rf"{words}.*--accept missing-slices"):
        load_scan(tmp_path / "ct")

    volume = accepted(tmp_path / "ct")
    np.testing.assert_allclose(volume[0, 0, 0].numpy(), heights_of_voxels(volume), atol=1e-3)
    assert heights_of_voxels(volume)[[0, -1]] == pytest.approx([heights[0], heights[-1]])


def test_uneven_slices_are_interpolated_to_even_planes(tmp_path):
    write_heights(tmp_path / "ct", [0, 2, 5, 7.5, 9.5, 12, 14])  # steps 2, 3, 2.5, 2, 2.5, 2: median 2.25

    volume = load_scan(tmp_path / "ct")

    assert problems(tmp_path / "ct") == {"uneven-spacing": Severity.WARNING}
    np.testing.assert_allclose(volume[0, 0, 0].numpy(), heights_of_voxels(volume), atol=1e-3)
    assert "2.00 to 3.00 mm apart" in volume.meta["warnings"][0]


def test_the_volume_of_a_slab_is_right_where_the_distance_of_slices_changes(tmp_path):
    """A slab from 40 to 80 mm in slices 1 mm and, above 60 mm, 2.5 mm apart: 10 x 7.5 mm x 40 mm are 3 ml."""
    heights = [*range(60), *(60 + 2.5 * k for k in range(25))]
    write_heights(tmp_path / "ct", heights, spacing_mm=(2.5, 1.5, 1.0))
    volume = load_scan(tmp_path / "ct")[0].numpy()
    voxel_ml = abs(np.linalg.det(np.asarray(load_scan(tmp_path / "ct").affine))) / 1000
    assert ((volume > 39.5) & (volume < 79.5)).sum() * voxel_ml == pytest.approx(3.0, rel=0.01)


def test_uneven_slices_far_apart_are_refused(tmp_path):
    write_heights(tmp_path / "ct", [0, 5, 10, 23, 28])
    with pytest.raises(InputError, match=r"5\.00 to 13\.00 mm apart.*--accept uneven-spacing"):
        load_scan(tmp_path / "ct")
    volume = accepted(tmp_path / "ct")
    np.testing.assert_allclose(volume[0, 0, 0].numpy(), heights_of_voxels(volume), atol=1e-3)


def test_gantry_tilt_shears_the_affine_and_keeps_volumes(tmp_path):
    """Corners move by 1.456 mm a slice of 4 mm: tan(20 degrees)."""
    corners = [(-20.0, 30.0 + 1.456 * k, 4.0 * k) for k in range(8)]
    values = np.zeros((8, 6, 7), np.int16)
    values[5, 2, 3] = 1000
    write_slices(tmp_path / "ct", corners, values)

    volume = load_scan(tmp_path / "ct")

    assert problems(tmp_path / "ct") == {"gantry-tilt": Severity.WARNING}
    assert find_series(tmp_path / "ct").header.tilt_degrees == pytest.approx(20, abs=0.01)
    assert find_series(tmp_path / "ct").header.spacing_mm == (1.5, 2, 4)
    assert "20.0 degrees" in volume.meta["warnings"][0]
    assert abs(np.linalg.det(np.asarray(volume.affine))) == pytest.approx(1.5 * 2.0 * 4.0)
    marker = np.asarray(volume.affine) @ [3, 2, 5, 1]
    np.testing.assert_allclose(marker[:3], [20 - 3 * 1.5, -(30 + 5 * 1.456 + 2 * 2), 20], atol=1e-4)


def test_a_tilted_series_with_a_missing_slice_is_interpolated_along_its_shear(tmp_path):
    write_heights(tmp_path / "ct", [4.0 * k for k in range(20) if k != 5], shift=lambda k: (0, 1.5 * (k + (k >= 5))))
    assert problems(tmp_path / "ct") == {"missing-slices": Severity.WARNING, "gantry-tilt": Severity.WARNING}
    volume = load_scan(tmp_path / "ct")
    np.testing.assert_allclose(volume[0, 0, 0].numpy(), 4.0 * np.arange(20), atol=1e-3)
    np.testing.assert_allclose(np.asarray(volume.affine)[:3, 2], [0, -1.5, 4], atol=1e-4)


def test_slices_that_move_within_their_planes_are_refused(tmp_path):
    write_heights(tmp_path / "ct", [4.0 * k for k in range(6)], shift=lambda k: (0, 2.0 * (k % 2)))
    with pytest.raises(InputError, match=r"move by up to .* --accept moving-origin"):
        load_scan(tmp_path / "ct")


def test_a_single_slice_counts_by_its_thickness(tmp_path):
    write_heights(tmp_path / "ct", [12.0])
    assert problems(tmp_path / "ct") == {"single-slice": Severity.SKIPPED}
    volume = accepted(tmp_path / "ct")
    assert volume.shape == (1, 5, 4, 1)
    assert abs(np.linalg.det(np.asarray(volume.affine))) == pytest.approx(1.5 * 2.0 * 4.0)
    assert volume.meta["warnings"] == ["a single slice; its thickness of 4 mm stands for the distance of slices"]


def test_a_single_slice_of_unknown_thickness_is_refused(tmp_path):
    write_heights(tmp_path / "ct", [12.0], tags={"SliceThickness": None})
    assert problems(tmp_path / "ct") == {"single-slice": Severity.REFUSED}


@pytest.mark.parametrize(
    ("tag", "value", "code"),
    [
        ("ImagePositionPatient", None, "no-position"),
        ("ImageOrientationPatient", None, "no-position"),
        ("ImageOrientationPatient", [1.0, 0, 0, 1, 0, 0], "no-position"),
        ("PixelSpacing", None, "no-spacing"),
        ("PixelSpacing", [0.0, 0.0], "no-spacing"),
        ("PixelSpacing", [25.0, 25.0], "odd-voxel-size"),
    ],
)
def test_what_a_volume_needs_is_not_made_up(tmp_path, tag, value, code):
    write_heights(tmp_path / "ct", [0, 4, 8], tags={tag: value})
    assert problems(tmp_path / "ct") == {code: Severity.REFUSED}
    with pytest.raises(InputError, match=f"--accept {code}") as caught:
        load_scan(tmp_path / "ct")
    assert "\n" not in str(caught.value)
    assert accepted(tmp_path / "ct")[0, 0, 0].tolist() == pytest.approx([0, 4, 8])


def test_slices_of_varying_orientation_are_refused(tmp_path):
    leaning = [1.0, 0, 0, 0, 0.9998, 0.02]
    write_heights(
        tmp_path / "ct",
        [4.0 * k for k in range(6)],
        tags={"ImageOrientationPatient": lambda k: leaning if k == 2 else list(map(float, AXIAL))},
    )
    assert problems(tmp_path / "ct")["mixed-orientation"] is Severity.REFUSED
