import json
import logging

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from infnet_monai.data.datalist import load_datalist
from infnet_monai.errors import InputError
from infnet_monai.phantom import phantom as module
from infnet_monai.phantom.phantom import make_phantom, phantom_dataset_dir, write_phantom_dataset

SHAPE, SPACING_MM = (96, 80, 14), (3.7, 3.7, 16.0)


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(3, SHAPE, SPACING_MM)


def test_phantom_has_the_stated_types_and_values(phantom):
    assert phantom.image.shape == phantom.lung.shape == phantom.lesion.shape == SHAPE
    assert phantom.image.dtype == np.int16
    assert phantom.lung.dtype == phantom.lesion.dtype == np.uint8
    assert np.unique(phantom.lung).tolist() == [0, 1]
    assert np.unique(phantom.lesion).tolist() == [0, 1, 2]
    assert nib.aff2axcodes(phantom.affine) == ("L", "P", "S")
    assert nib.affines.voxel_sizes(phantom.affine) == pytest.approx(SPACING_MM)


def test_tissues_have_their_hounsfield_units(phantom):
    healthy = (phantom.lung == 1) & (phantom.lesion == 0)
    assert -900 < np.median(phantom.image[healthy]) < -800
    assert -620 < np.median(phantom.image[phantom.lesion == 1]) < -380
    assert -150 < np.median(phantom.image[phantom.lesion == 2]) < 60
    assert np.median(phantom.image[:, 0]) == pytest.approx(-1000, abs=30)  # air in front of the chest
    assert phantom.image.max() > 300  # bone


def test_lesions_lie_in_the_lung_and_leave_slices_without(phantom):
    assert not (phantom.lesion[phantom.lung == 0] > 0).any()
    share = (phantom.lesion > 0).sum() / phantom.lung.sum()
    positive = (phantom.lesion > 0).any(axis=(0, 1))
    assert 0.02 < share < 0.25
    assert 0.4 < positive.mean() < 1


def test_patient_faces_forward(phantom):
    """Spine at the back, gas of the stomach on the left: what the affine says is what the anatomy shows."""
    bone = np.argwhere(phantom.image > 250)
    inside = phantom.image[20:76, 24:56, :2]
    gas = np.argwhere((inside < -700) & (phantom.lung[20:76, 24:56, :2] == 0))
    assert bone[:, 1].mean() > SHAPE[1] / 2
    assert gas[:, 0].min() > 56 / 2


def test_same_seed_same_patient(phantom):
    again, other = make_phantom(3, SHAPE, SPACING_MM), make_phantom(4, SHAPE, SPACING_MM)
    assert np.array_equal(again.image, phantom.image)
    assert np.array_equal(again.lesion, phantom.lesion)
    assert not np.array_equal(other.lung, phantom.lung)


def test_lesion_free_phantom_is_the_same_patient_without_lesions(phantom):
    healthy = make_phantom(3, SHAPE, SPACING_MM, lesion_free=True)
    assert not healthy.lesion.any()
    assert np.array_equal(healthy.lung, phantom.lung)
    far_from_lesions = ndimage.distance_transform_edt(phantom.lesion == 0, sampling=SPACING_MM) > 40
    assert far_from_lesions.mean() > 0.2
    assert np.array_equal(healthy.image[far_from_lesions], phantom.image[far_from_lesions])
    consolidated = phantom.lesion == 2
    assert np.median(healthy.image[consolidated]) < -800 < np.median(phantom.image[consolidated])


def test_tilt_gives_an_oblique_affine_and_the_same_voxels(phantom):
    tilted = make_phantom(3, SHAPE, SPACING_MM, tilt_degrees=9)
    assert np.array_equal(tilted.image, phantom.image)
    assert nib.affines.obliquity(tilted.affine).max() == pytest.approx(np.deg2rad(9), abs=0.03)
    assert nib.affines.voxel_sizes(tilted.affine) == pytest.approx(SPACING_MM)


@pytest.fixture
def small_patients(monkeypatch):
    """Phantoms of a tenth of the voxels, for what does not depend on the size."""
    original = make_phantom
    monkeypatch.setattr(
        module,
        "make_phantom",
        lambda seed, shape, spacing_mm, **more: original(seed, (48, 40, 6), (7.4, 7.4, 36), **more),
    )


def test_dataset_has_four_training_cases_of_all_orientations(tmp_path, small_patients):
    assert write_phantom_dataset(tmp_path) == tmp_path
    sections = {name: load_datalist(tmp_path, name) for name in ("training", "validation", "test")}
    assert [len(items) for items in sections.values()] == [4, 1, 1]
    affines = [nib.load(item["image"]).affine for item in sections["training"]]
    assert {"".join(nib.aff2axcodes(affine)) for affine in affines} == {"LPS", "RAS"}
    assert sum(nib.affines.obliquity(affine).max() > 0.05 for affine in affines) == 1
    for item in sections["training"]:
        image, label, lung = (nib.load(item[key]) for key in ("image", "label", "lung"))
        assert image.shape == label.shape == lung.shape
        assert np.array_equal(image.affine, label.affine)


def test_full_size_case_is_a_chest_in_mm(tmp_path):
    write_phantom_dataset(tmp_path, cases=3)
    datalist = json.loads((tmp_path / "dataset.json").read_text())
    assert [len(datalist[section]) for section in ("training", "validation", "test")] == [1, 1, 1]
    image = nib.load(tmp_path / datalist["training"][0]["image"])
    extent_mm = np.array(image.shape) * image.header.get_zooms()
    assert image.get_data_dtype() == np.int16
    assert extent_mm == pytest.approx([358, 291, 224], abs=1)


@pytest.fixture
def cache(tmp_path, monkeypatch, small_patients):
    monkeypatch.setattr(module.platformdirs, "user_cache_path", lambda name: tmp_path / name)
    return tmp_path / "infnet_monai"


def test_cache_is_written_once_and_named_every_time(cache, caplog):
    caplog.set_level(logging.INFO)
    folder = phantom_dataset_dir()
    written = (folder / "dataset.json").stat().st_mtime_ns
    assert phantom_dataset_dir() == folder == cache / "phantom-v1"
    assert (folder / "dataset.json").stat().st_mtime_ns == written
    lines = [message for message in caplog.messages if message.startswith("No dataset_dir given")]
    assert len(lines) == 2
    assert str(folder) in lines[0]
    assert [path.name for path in cache.iterdir()] == ["phantom-v1"]


def test_process_that_comes_second_uses_the_folder_of_the_first(cache, monkeypatch):
    original = module.write_phantom_dataset

    def write_and_be_overtaken(draft):
        original(cache / "phantom-v1", cases=3)
        return original(draft, cases=3)

    monkeypatch.setattr(module, "write_phantom_dataset", write_and_be_overtaken)
    folder = phantom_dataset_dir()
    assert load_datalist(folder, "training")
    assert [path.name for path in cache.iterdir()] == ["phantom-v1"]


def test_half_a_cache_is_named(cache):
    (cache / "phantom-v1" / "images").mkdir(parents=True)
    with pytest.raises(InputError, match=r"phantom-v1: cannot be written .* delete it"):
        phantom_dataset_dir()


def test_cache_that_cannot_be_made_is_named(cache):
    cache.write_text("a file where the folder should be")
    with pytest.raises(InputError, match="infnet_monai: cannot be written"):
        phantom_dataset_dir()
