"""What is a label volume and what is a scan, by few values in few slices."""

import itk
import nibabel as nib
import numpy as np
import pytest

from infnet_monai.scans import label_volumes
from infnet_monai.scans.label_volumes import label_problem
from infnet_monai.scans.nifti_header import file_source

AFFINE = np.diag([-1.0, -1, 2, 1])


def write(path, voxels):
    path.parent.mkdir(parents=True, exist_ok=True)
    if ".nii" in path.name:
        nib.save(nib.Nifti1Image(voxels, AFFINE), path)
    else:
        itk.imwrite(itk.image_from_array(voxels.T.copy()), str(path), compression=path.suffix == ".nrrd")
    return path


def code(path):
    problem = label_problem(file_source(path, "ct"))
    return problem and problem.code


def mask(values, dtype=np.uint8, shape=(64, 64, 40)):
    voxels = np.zeros(shape, dtype)
    for k, value in enumerate(values):
        voxels[10 + 4 * k : 14 + 4 * k, 20:40, 5:35] = value
    return voxels


def scan(shape=(64, 64, 40)):
    return np.random.default_rng(0).normal(-600, 200, shape).astype(np.int16)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.mhd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_masks_of_any_format_and_type_are_label_volumes(tmp_path, name, dtype):
    assert code(write(tmp_path / name, mask([1, 2], dtype))) == "label-volume"


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha"])
def test_scans_are_no_label_volumes_even_in_a_folder_of_labels(tmp_path, name):
    assert code(write(tmp_path / "labels" / name, scan())) is None


def test_an_empty_mask_is_a_label_volume(tmp_path):
    assert code(write(tmp_path / "a.nii.gz", mask([]))) == "label-volume"


@pytest.mark.parametrize("values", [[-1000, 40], [0.25, 0.5], [300, 400]])
def test_few_values_that_are_no_small_whole_numbers_are_no_labels(tmp_path, values):
    assert code(write(tmp_path / "a.nii.gz", mask(values, np.float32))) is None


def test_many_organs_are_labels_only_where_names_say_so(tmp_path):
    organs = mask(range(1, 13))
    assert code(write(tmp_path / "patient" / "ct" / "a.nii.gz", organs)) is None
    assert code(write(tmp_path / "labels" / "final" / "a.nii.gz", organs)) == "label-volume"
    assert code(write(tmp_path / "a_lung_mask.nii.gz", organs)) == "label-volume"


@pytest.mark.parametrize("ending", ["infection", "lungs", "probability"])
def test_results_are_known_by_their_names(tmp_path, ending):
    assert code(write(tmp_path / f"ct_{ending}.nii.gz", scan())) == "own-output"


def test_scaled_values_count_not_stored_ones(tmp_path):
    image = nib.Nifti1Image(mask([1, 2]), AFFINE)
    image.header.set_slope_inter(500, -1000)  # -1000, -500, 0
    nib.save(image, tmp_path / "a.nii.gz")
    assert np.unique(nib.load(tmp_path / "a.nii.gz").get_fdata()).tolist() == [-1000, -500, 0]
    assert code(tmp_path / "a.nii.gz") is None


def test_a_compressed_scan_is_judged_by_its_size_without_reading_a_voxel(tmp_path, monkeypatch):
    path = write(tmp_path / "a.nii.gz", scan((128, 128, 40)))
    monkeypatch.setattr(label_volumes, "_are_labels", lambda values: pytest.fail("voxels were read"))
    monkeypatch.setattr(label_volumes.np, "unique", lambda values: values[:1])
    assert label_volumes._open_nifti(path) is None
    assert code(path) is None


def test_sixteen_slices_at_most_are_read(tmp_path, monkeypatch):
    path = write(tmp_path / "a.nii", mask([1], shape=(16, 16, 100)))
    read, opened = [], label_volumes._open_nifti

    def counting(path):
        inner = opened(path)
        return lambda k: read.append(k) or inner(k)

    monkeypatch.setattr(label_volumes, "_open_nifti", counting)
    assert code(path) == "label-volume"
    assert (len(read), read[0], read[-1]) == (16, 0, 99)


def test_damaged_voxels_are_left_to_the_reader(tmp_path):
    path = write(tmp_path / "a.nii.gz", mask([1]))
    path.write_bytes(path.read_bytes()[:400])
    assert code(path) is None


def test_real_masks_are_label_volumes_and_real_scans_are_not(test_data):
    for folder, expected in (("images", None), ("infection", "label-volume"), ("lung", "label-volume")):
        for path in sorted((test_data / "medseg_volumes" / folder).iterdir()):
            assert code(path) == expected, path
    assert code(test_data / "ct_hu" / "3DCT_lung.mha") is None
    assert code(test_data / "ct_hu" / "3DCT_lung_baseline_mask.mha") == "label-volume"
