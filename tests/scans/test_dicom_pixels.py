import numpy as np
import pytest
from dicom_series import new_series, write_enhanced, write_heights, write_slices
from pydicom import dcmread

from infnet_monai.errors import InputError
from infnet_monai.scans.dicom_pixels import grid_planes_mm, is_interpolated
from infnet_monai.scans.dicom_series import dicom_files, dicom_sources, find_series
from infnet_monai.scans.load import load_scan
from infnet_monai.scans.source import Severity

HEIGHTS = [4.0 * k for k in range(5)]


def test_each_slice_gets_its_own_rescale(tmp_path):
    slopes, intercepts = [1, 0.5, 2, 0.1], [0, -1024, 0.5, 0]
    tags = {"RescaleSlope": lambda k: slopes[k], "RescaleIntercept": lambda k: intercepts[k]}
    write_slices(tmp_path, [(0, 0, 4.0 * k) for k in range(4)], np.full((4, 3, 2), 5), tags=tags)
    assert load_scan(tmp_path)[0, 0, 0].tolist() == [5, -1021.5, 10.5, 0.5]


def test_slices_stored_in_different_ways_keep_their_values(tmp_path):
    """A value of 60000 is -5536 as a signed number."""
    signed, unsigned = np.full((3, 2), -1000, np.int16), np.full((3, 2), 60000, np.uint16)
    tags = {
        "PixelRepresentation": lambda k: int(k != 1),
        "PixelData": lambda k: (unsigned if k == 1 else signed).tobytes(),
    }
    write_slices(tmp_path, [(0, 0, 4.0 * k) for k in range(3)], np.zeros((3, 3, 2)), tags=tags)
    assert load_scan(tmp_path)[0, 0, 0].tolist() == [-1000, 60000, -1000]


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [3, 0, 4, 1, 2]])
def test_frames_of_an_enhanced_ct_are_sorted_by_their_positions(tmp_path, order):
    file = write_enhanced(tmp_path / "ct" / "enhanced.dcm", HEIGHTS, order=order)
    source = find_series(file.parent)
    assert source.problems == ()
    assert source.files == (file,)
    assert [order[k] for k in source.frames] == [0, 1, 2, 3, 4]
    for volume in (load_scan(source), load_scan(file)):
        assert volume[0, 0, 0].tolist() == HEIGHTS  # rescaled from values 1000 above
        np.testing.assert_allclose(
            volume.affine, [[-1.5, 0, 0, 20], [0, -2, 0, -30], [0, 0, 4, 0], [0, 0, 0, 1]], atol=1e-6
        )


def test_stacks_of_one_enhanced_file_are_scans_of_their_own(tmp_path):
    write_enhanced(tmp_path / "e.dcm", HEIGHTS * 2, stacks=["A"] * 5 + ["B"] * 5)
    first, second = dicom_sources(dicom_files(tmp_path), tmp_path, "ct")
    assert (first.frames, second.frames) == ((0, 1, 2, 3, 4), (5, 6, 7, 8, 9))
    assert load_scan(second)[0, 0, 0].tolist() == HEIGHTS


def test_missing_frames_are_interpolated(tmp_path):
    write_enhanced(tmp_path / "e.dcm", [2.0 * k for k in range(20) if k != 4])
    source = find_series(tmp_path)
    assert [problem.code for problem in source.problems] == ["missing-slices"]
    np.testing.assert_allclose(load_scan(source)[0, 0, 0].numpy(), 2.0 * np.arange(20), atol=1e-5)


def test_frames_with_a_rescale_each_are_refused(tmp_path):
    file = write_enhanced(tmp_path / "e.dcm", HEIGHTS)
    image = dcmread(file)
    shared = image.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
    for frame in image.PerFrameFunctionalGroupsSequence:
        frame.PixelValueTransformationSequence = shared
    del image.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
    image.save_as(file)
    assert find_series(tmp_path).problems == ()

    image = dcmread(file)
    image.PerFrameFunctionalGroupsSequence[2].PixelValueTransformationSequence[0].RescaleSlope = 2
    image.save_as(file)
    assert {problem.code: problem.severity for problem in find_series(tmp_path).problems} == {
        "mixed-rescale": Severity.REFUSED
    }


def test_planes_of_the_grid_are_known_from_the_header(tmp_path):
    write_heights(tmp_path, [0, 2, 5, 7])  # steps 2, 3 and 2: planes 7 / 4 mm apart
    source = find_series(tmp_path)
    assert is_interpolated(source)
    np.testing.assert_allclose(grid_planes_mm(source), [0, 1.75, 3.5, 5.25, 7])
    np.testing.assert_allclose(load_scan(source)[0, 0, 0].numpy(), [0, 1.8, 3.5, 5.3, 7], atol=0.06)


def test_files_that_changed_after_their_headers_were_read_are_refused(tmp_path):
    files = write_heights(tmp_path, HEIGHTS)
    source = find_series(tmp_path)
    files[3].unlink()
    with pytest.raises(InputError, match="cannot be read") as caught:
        load_scan(source)
    assert "\n" not in str(caught.value)


def test_one_file_of_a_series_is_read_as_one_slice(tmp_path):
    files = write_heights(tmp_path, HEIGHTS, series=new_series(4))
    volume = load_scan(files[2])
    assert volume.shape == (1, 5, 4, 1)
    assert volume[0, 0, 0].tolist() == [8]
    assert float(volume.affine[2, 3]) == 8
    assert "thickness of 4 mm" in volume.meta["warnings"][0]


def test_a_scan_whose_headers_were_read_is_read_without_them(tmp_path, monkeypatch):
    write_heights(tmp_path, HEIGHTS)
    source = find_series(tmp_path)
    monkeypatch.setattr("infnet_monai.scans.dicom_series.read_slices", None)
    assert load_scan(source)[0, 0, 0].tolist() == HEIGHTS
    assert load_scan(source).meta["warnings"] == []
    assert load_scan(source).meta["filename_or_obj"] == str(tmp_path)
