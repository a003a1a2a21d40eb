"""A scan in, its mask on the same voxels out, whatever the file and its orientation."""

import itertools

import itk
import nibabel as nib
import numpy as np
import pytest
import torch
from band_network import OVERRIDES
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from infnet_monai.errors import InputError
from infnet_monai.inference import Segmenter, segment
from infnet_monai.run_record import StageTimer
from infnet_monai.scans import Problem, ScanSkipped, ScanSource, Severity, find_scans

AXES = ["".join(signs) for order in itertools.permutations(("LR", "PA", "SI")) for signs in itertools.product(*order)]


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.fixture(scope="module")
def upright_result(segmenter, chest):
    return segmenter.segment(nib.Nifti1Image(chest.image, chest.affine))


def test_mask_marks_the_ground_glass(upright_result, chest):
    glass = (chest.lesion == 1) & (abs((chest.image + 1350) / 1500 - 0.57) < 0.1)
    found = upright_result.mask[glass].mean()
    healthy = upright_result.mask[(chest.lung == 1) & (chest.lesion == 0)].mean()
    assert found > 0.75
    assert healthy < 0.3  # vessels and the rim of the lung


def test_there_are_48_orientations():
    assert len(set(AXES)) == 48


@pytest.mark.parametrize("axes", AXES)
def test_mask_follows_the_scan_through_all_orientations(segmenter, chest, upright_result, axes):
    image = nib.Nifti1Image(chest.image, chest.affine)
    there = ornt_transform(io_orientation(image.affine), axcodes2ornt(axes))
    reoriented = image.as_reoriented(there)
    result = segmenter.segment(reoriented)
    assert result.mask.shape == reoriented.shape
    assert result.mask.dtype == np.uint8
    assert np.allclose(result.affine, reoriented.affine)
    back = ornt_transform(axcodes2ornt(axes), io_orientation(image.affine))
    for mask, expected in ((result.mask, upright_result.mask), (result.lungs, upright_result.lungs)):
        returned = np.asarray(nib.Nifti1Image(mask, result.affine).as_reoriented(back).dataobj)
        assert dice(returned > 0, expected > 0) >= 0.99
    assert result.statistics.right_lung_volume_ml == pytest.approx(upright_result.statistics.right_lung_volume_ml)


def test_oblique_affine_and_anisotropic_spacing_stay(segmenter, chest, upright_result):
    angle = np.deg2rad(17)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = chest.affine.copy()
    affine[:3, :3] = turn @ affine[:3, :3]
    affine[:3, 3] = (-3.25, 17.5, 401)
    result = segmenter.segment(chest.image, affine)
    assert np.allclose(result.affine, affine)
    assert np.array_equal(result.mask, upright_result.mask)


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha"])
def test_files_of_each_kind_give_the_mask_of_the_array(segmenter, chest, upright_result, tmp_path, suffix):
    first = tmp_path / "first.nii"
    nib.save(nib.Nifti1Image(chest.image, chest.affine), first)
    path = tmp_path / f"scan.{suffix}"
    itk.imwrite(itk.imread(str(first)), str(path))
    result = segmenter.segment(path)
    assert np.allclose(result.affine, chest.affine, atol=1e-4)
    assert np.array_equal(result.mask, upright_result.mask)


def test_grey_levels_are_taken_as_a_window(segmenter, chest, upright_result):
    grey = np.clip((chest.image + 1350) / 1500 * 255, 0, 255).round().astype(np.uint8)
    result = segmenter.segment(grey, chest.affine)
    assert (upright_result.intensity, result.intensity) == ("hu", "grey")
    assert dice(result.mask > 0, upright_result.mask > 0) > 0.9
    assert result.statistics.mean_lesion_hu is None
    assert upright_result.statistics.mean_lesion_hu == pytest.approx(
        chest.image[upright_result.mask > 0].mean(), abs=0.001
    )


def test_lung_crop_looks_only_around_the_lungs_and_can_be_switched_off(upright_result, chest, band_weights):
    whole = Segmenter(device="cpu", weights=band_weights, lung_crop=False, **OVERRIDES).segment(
        chest.image, chest.affine
    )
    assert whole.warnings == ()
    assert not whole.lungs.any()
    assert whole.statistics.lung_volume_ml is None
    assert whole.mask[:, 0].any() or whole.mask[0].any() or whole.mask.sum() > upright_result.mask.sum()
    lungs = np.argwhere(upright_result.lungs > 0)
    marked = np.argwhere(upright_result.probability > 0)
    assert (abs(marked.min(axis=0) - lungs.min(axis=0)) <= 4).all()
    assert (abs(marked.max(axis=0) - lungs.max(axis=0)) <= 4).all()


@pytest.mark.parametrize(
    "image",
    [
        np.full((40, 40, 3), -1000.0),  # nothing but air
        np.random.default_rng(0).normal(40, 20, (40, 40, 4)) - 200 * np.eye(40)[..., None],  # tissue
    ],
)
def test_a_scan_without_lungs_is_segmented_whole_only_where_that_is_asked_for(segmenter, band_weights, image):
    affine = np.diag([-2, -2, 5, 1])
    with pytest.raises(ScanSkipped, match=r"array: no lungs found: .* --all"):
        segmenter.segment(image, affine)
    accepting = Segmenter(device="cpu", weights=band_weights, accept="no-lungs", **OVERRIDES)
    result = accepting.segment(image, affine)
    assert result.warnings[-1].startswith("no lungs were found; the whole slices were segmented")
    assert result.mask.shape == image.shape
    assert result.statistics.lung_volume_ml is None
    assert result.statistics.lesion_percent_of_lung is None


def test_a_single_slice_works(segmenter, chest):
    result = segmenter.segment(chest.image[..., 5:6], chest.affine)
    assert result.mask.shape == (88, 72, 1)
    assert result.statistics.slices == 1
    assert result.statistics.lung_volume_ml > 0


def test_stages_are_timed_and_slices_counted(segmenter, chest_file):
    timer, calls = StageTimer(), []
    segmenter.segment(chest_file, timer=timer, on_slices=lambda done, total: calls.append((done, total)))
    assert set(timer.seconds) == {"read", "lungs", "prepare", "network", "restore"}
    assert sum(done for done, _ in calls) == calls[0][1] <= 10


def test_one_call_does_it_all(chest_file, band_weights, upright_result):
    result = segment(chest_file, device="cpu", weights=band_weights, **OVERRIDES)
    assert np.array_equal(result.mask, upright_result.mask)


def test_values_that_cannot_be_used_are_named(band_weights, chest, segmenter, tmp_path):
    with pytest.raises(InputError, match=r"bundle infnet_nothing: unknown; expected one of .* infnet_vgg16"):
        Segmenter("infnet_nothing")
    with pytest.raises(InputError, match="has no value 'colour'"):
        Segmenter(colour="red", weights=band_weights)
    with pytest.raises(InputError, match="no such weights"):
        Segmenter(weights=tmp_path / "none.pt")
    with pytest.raises(InputError, match=r"device 'gpu:7' cannot be used"):
        Segmenter(device="gpu:7", weights=band_weights)
    with pytest.raises(InputError, match="an array needs its affine"):
        segmenter.segment(chest.image)
    with pytest.raises(InputError, match=r"affine has shape \(3, 3\)"):
        segmenter.segment(chest.image, np.eye(3))
    with pytest.raises(InputError, match="is 2D"):
        segmenter.segment(chest.image[..., 0], chest.affine)
    (tmp_path / "damaged.pt").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(InputError, match=r"damaged.pt: cannot be read as weights"):
        Segmenter(weights=tmp_path / "damaged.pt")


def found(path, code, severity):
    return ScanSource(path, "chest", problems=(Problem(code, f"{code} is the matter.", severity),))


def test_warnings_about_a_scan_reach_the_result(segmenter, chest_file, upright_result):
    result = segmenter.segment(found(chest_file, "gantry-tilt", Severity.WARNING))
    assert result.warnings == ("gantry-tilt is the matter.", *upright_result.warnings)
    assert np.array_equal(result.mask, upright_result.mask)


def test_problems_of_a_scan_count_unless_they_are_accepted(segmenter, chest_file, band_weights):
    refused, skipped = (
        found(chest_file, "missing-slices", Severity.REFUSED),
        found(chest_file, "localizer", Severity.SKIPPED),
    )
    with pytest.raises(InputError, match=r"chest\.nii\.gz: missing-slices is the matter.* --accept missing-slices"):
        segmenter.segment(refused)
    with pytest.raises(ScanSkipped, match=r"chest\.nii\.gz: localizer is the matter.* --all"):
        segmenter.segment(skipped)
    accepting = Segmenter(device="cpu", weights=band_weights, accept=["missing-slices"], all_scans=True, **OVERRIDES)
    assert accepting.segment(refused).warnings[0] == "missing-slices is the matter."
    assert accepting.segment(skipped).warnings[0] == "localizer is the matter."


def test_scans_that_are_skipped_do_not_make_a_folder_one_of_several(segmenter, chest_file, upright_result, monkeypatch):
    sources = [found(chest_file, "localizer", Severity.SKIPPED), ScanSource(chest_file, "chest")]
    monkeypatch.setattr("infnet_monai.inference.segmenter.find_scans", lambda given: sources)
    assert segmenter.segment(chest_file.parent).warnings == upright_result.warnings


def test_a_folder_with_several_scans_is_refused(segmenter, chest_file):
    (chest_file.parent / "twin.nii.gz").write_bytes(chest_file.read_bytes())
    with pytest.raises(InputError, match="holds 2 scans"):
        segmenter.segment(chest_file.parent)


def test_half_precision_weights_load(band_weights, tmp_path, chest, upright_result):
    state = torch.load(band_weights, weights_only=True)
    torch.save({name: value.half() for name, value in state.items()}, tmp_path / "half.pt")
    result = Segmenter(device="cpu", weights=tmp_path / "half.pt", **OVERRIDES).segment(chest.image, chest.affine)
    assert dice(result.mask > 0, upright_result.mask > 0) > 0.98


def test_a_mask_given_by_name_is_an_error_and_beside_a_scan_is_passed_over(segmenter, chest, chest_file):
    mask = chest_file.parent / "reader.nii.gz"
    nib.save(nib.Nifti1Image(chest.lesion.astype(np.uint8), chest.affine), mask)
    with pytest.raises(InputError, match=r"reader\.nii\.gz: a label volume, .* to segment it all the same: --all"):
        segmenter.segment(mask)
    assert segmenter.segment(chest_file.parent).mask.any()
    (source,) = find_scans([mask])
    with pytest.raises(InputError, match="intensities from 0 to 2"):
        segmenter.segment(source.accepting(everything=True))
