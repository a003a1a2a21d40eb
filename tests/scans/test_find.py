import os
import shutil

import nibabel as nib
import numpy as np
import pytest
from dicom_series import write_series

from infnet_monai.errors import InputError
from infnet_monai.scans import find
from infnet_monai.scans.find import find_scans
from infnet_monai.scans.load import load_scan


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def write_scan(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.random.default_rng(seed).integers(-1000, 400, (6, 5, 4)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.diag([-1, -1, 2, 1])), path)
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
    assert found[0].path == tmp_path / "a.nii.gz"
    assert {source.refusal for source in found} == {"cannot be read: the file is empty"}


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
    (single,) = find_scans([single_file])
    assert (single.path, single.name) == (single_file, single_file.stem)


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


def test_links_to_folders_are_followed_and_each_scan_is_found_once(tmp_path):
    write_scan(tmp_path / "elsewhere" / "ct.nii.gz")
    (tmp_path / "scans" / "ward").mkdir(parents=True)
    (tmp_path / "scans" / "ward" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "scans" / "ward" / "up").symlink_to(tmp_path / "scans")
    (tmp_path / "scans" / "zz.nii.gz").symlink_to(tmp_path / "elsewhere" / "ct.nii.gz")

    (found,) = find_scans([tmp_path / "scans", tmp_path / "elsewhere"])

    assert found.name == "zz"
    assert not found.problems
    assert names(find_scans([tmp_path / "scans" / "ward"])) == ["link/ct"]


def test_links_between_many_folders_end(tmp_path):
    folders = [tmp_path / f"f{k}" for k in range(12)]
    for k, folder in enumerate(folders):
        write_scan(folder / "ct.nii", seed=k)
    for folder in folders:
        for other in folders:
            (folder / f"to_{other.name}").symlink_to(other)

    assert len(find_scans([tmp_path])) == 12


def test_what_cannot_be_read_is_refused_and_the_rest_is_found(tmp_path):
    write_scan(tmp_path / "good.nii.gz")
    (tmp_path / "gone.nii.gz").symlink_to(tmp_path / "missing.nii.gz")
    (tmp_path / "gone").symlink_to(tmp_path / "missing")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "missing.txt")
    (tmp_path / "circle.dcm").symlink_to(tmp_path / "circle.dcm")
    touch(tmp_path / "empty.nii")
    (tmp_path / "noise.nii.gz").write_bytes(b"no scan at all")
    (tmp_path / "noise.mha").write_bytes(b"no scan at all")
    whole = write_scan(tmp_path / "cut.nii").read_bytes()
    (tmp_path / "cut.nii").write_bytes(whole[:-1])

    found = {source.name: source for source in find_scans([tmp_path])}

    assert found.pop("good").problems == ()
    assert {name: source.problems[0].code for name, source in found.items()} == dict.fromkeys(
        ["gone", "gone-2", "circle.dcm", "empty", "noise", "noise-2", "cut"], "unreadable"
    )
    assert {found[name].refusal for name in ("gone", "gone-2")} == {"cannot be read: a broken link"}
    assert found["cut"].refusal == f"cannot be read: truncated, {len(whole) - 1} of {len(whole)} bytes"
    with pytest.raises(InputError, match=r"cut\.nii: cannot be read: truncated, \d+ of \d+ bytes\.$"):
        found["cut"].check()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_never_opened(tmp_path):
    write_scan(tmp_path / "good.nii.gz")
    for name in ("pipe", "pipe.nii.gz", "pipe.log"):
        os.mkfifo(tmp_path / name)

    found = find_scans([tmp_path])

    assert names(found) == ["good", "pipe", "pipe-2"]
    assert found[1].refusal == "cannot be read: a pipe, socket or device, not a file"
    assert find_scans([tmp_path / "pipe.nii.gz"])[0].refusal == found[1].refusal


def test_a_folder_and_a_file_without_permission_are_refused(tmp_path, monkeypatch):
    write_scan(tmp_path / "good.nii.gz")
    write_scan(tmp_path / "locked" / "ct.nii")
    touch(tmp_path / "IM0001")
    scandir = os.scandir

    def denying(path):
        if os.path.basename(path) in ("locked", "IM0001"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    def opened(path, *args):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("infnet_monai.scans.find.os.scandir", denying)
    monkeypatch.setattr("infnet_monai.scans.find.open", opened, raising=False)

    found = find_scans([tmp_path])

    assert [(source.name, source.refusal) for source in found] == [
        ("good", ""),
        ("IM0001", "cannot be read: Permission denied"),
        ("locked", "cannot be read: Permission denied"),
    ]


def test_each_folder_is_listed_once_and_each_file_opened_once_for_its_kind(tmp_path, monkeypatch):
    for k in range(3):
        write_series(tmp_path / f"p{k}", rows=4, columns=5, slices=4)
    listed, opened = [], []
    scandir, kind = os.scandir, find._is_dicom
    monkeypatch.setattr(find.os, "scandir", lambda path: listed.append(path) or scandir(path))
    monkeypatch.setattr(find, "_is_dicom", lambda path: opened.append(path) or kind(path))

    assert len(find_scans([tmp_path])) == 3
    assert sorted(listed) == sorted({tmp_path, *(tmp_path / f"p{k}" for k in range(3))})
    assert len(opened) == len(set(opened)) == 12


def test_results_and_masks_among_scans_are_found_but_skipped(tmp_path):
    write_scan(tmp_path / "a.nii.gz")
    write_scan(tmp_path / "out" / "a_probability.nii.gz")
    mask = np.zeros((6, 5, 4), np.uint8)
    mask[2:4] = 1
    nib.save(nib.Nifti1Image(mask, np.diag([-1, -1, 2, 1])), tmp_path / "out" / "a_by_reader.nii.gz")

    found = find_scans([tmp_path])

    assert names(found) == ["a", "out/a_by_reader", "out/a_probability"]
    assert [bool(source.skip_reason) for source in found] == [False, True, True]
    assert [source.problems[0].code for source in found[1:]] == ["label-volume", "own-output"]
