import shutil

import nibabel as nib
import numpy as np
import pytest
from dicom_series import write_series

from infnet_monai.errors import InputError
from infnet_monai.scans.find import find_scans
from infnet_monai.scans.load import load_scan
from infnet_monai.scans.source import ScanSource


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def names(sources):
    return [source.name for source in sources]


def test_volumes_at_any_depth_are_named_by_their_relative_path(tmp_path):
    for name in ("a.nii.gz", "one/a.nii.gz", "two/b.NRRD", "two/deep/c.mha", "d.nii", "e.nhdr", "f.mhd"):
        touch(tmp_path / name)
    for name in ("notes.txt", "f.raw", "._a.nii.gz", ".cache/x.nii", "picture.png"):
        touch(tmp_path / name)

    found = find_scans([tmp_path])

    assert names(found) == ["a", "d", "e", "f", "one/a", "two/b", "two/deep/c"]
    assert found[0] == ScanSource(tmp_path / "a.nii.gz", "a")


def test_names_that_collide_are_numbered(tmp_path):
    inputs = [touch(tmp_path / name) for name in ("one/CT.nii.gz", "two/ct.nii.gz", "two/ct.mha")]

    assert names(find_scans(inputs)) == ["CT", "ct-2", "ct-3"]


def test_a_scan_named_twice_is_found_once(tmp_path):
    scan = touch(tmp_path / "a.nii.gz")

    assert len(find_scans([scan, tmp_path, str(scan)])) == 1


def test_results_below_an_input_can_be_left_out(tmp_path):
    touch(tmp_path / "a.nii.gz")
    touch(tmp_path / "out" / "a_infection.nii.gz")

    assert names(find_scans([tmp_path], exclude=tmp_path / "out")) == ["a"]


def test_dicom_series_are_detected_and_read_by_name(tmp_path):
    folder = tmp_path / "patient"
    write_series(folder, rows=4, columns=5, slices=3)
    write_series(folder, rows=4, columns=5, slices=2, prefix="other")
    touch(folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM")

    found = find_scans([tmp_path])

    assert names(found) == ["patient", "patient-2"]
    shapes = {load_scan(source.path, series=source.series).shape for source in found}
    assert shapes == {(1, 5, 4, 3), (1, 5, 4, 2)}
    assert sorted(len(source.files) for source in found) == [2, 3]


def test_a_dicom_folder_given_directly_is_named_after_itself(tmp_path):
    folder = tmp_path / "series"
    write_series(folder, rows=4, columns=5, slices=2)

    assert names(find_scans([folder])) == ["series"]
    single_file = sorted(folder.iterdir())[0]
    assert find_scans([single_file]) == [ScanSource(single_file, single_file.stem)]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "missing", "no such file or folder"),
        (lambda folder: touch(folder / "notes.txt"), "unknown type of file"),
        (lambda folder: touch(folder / "empty" / "notes.txt").parent, "no scan found"),
    ],
)
def test_inputs_without_scans_are_refused_in_one_line(tmp_path, make, words):
    path = make(tmp_path)

    with pytest.raises(InputError, match=words) as caught:
        find_scans([path])

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_real_series_without_suffixes_is_found_beside_volumes(test_data, tmp_path):
    shutil.copytree(test_data / "dicom_ct_series", tmp_path / "dicom")
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4)), tmp_path / "volume.nii.gz")

    found = find_scans([tmp_path])

    assert names(found) == ["volume", "dicom"]
    assert len(found[1].files) == 20


def test_the_folder_of_results_cannot_be_that_of_the_scans(tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4)), tmp_path / "ct.nii.gz")
    with pytest.raises(InputError, match="give another output folder"):
        find_scans([tmp_path], exclude=tmp_path)


def test_no_scan_takes_the_name_of_the_runs_record(tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4)), tmp_path / "run.nii.gz")
    assert names(find_scans([tmp_path])) == ["run-2"]
