import nibabel as nib
import numpy as np
import pytest
from written_masks import AFFINE, SHAPE, hand_worked_masks, write_mask

from infnet_monai.errors import InputError
from infnet_monai.evaluation.scan_cases import ScanCase
from infnet_monai.evaluation.scan_masks import LabelValues, load_scan_masks


def case(folder, prediction, reference=None, lungs=None, affine=AFFINE, lesion_free=False):
    files = [write_mask(folder / "prediction", "ct", prediction)]
    for name, array in (("reference", reference), ("lungs", lungs)):
        files.append(None if array is None else write_mask(folder / name, "ct", array, affine))
    return ScanCase("ct", *files, lesion_free=lesion_free)


def test_masks_are_upright_with_the_slices_last(tmp_path):
    prediction, reference, lungs = hand_worked_masks()
    masks = load_scan_masks(case(tmp_path, prediction, reference * 2, lungs * 3))
    assert masks.prediction.shape == (4, 2, 3)  # stored as left, posterior, superior
    assert masks.prediction.sum(dim=(0, 1)).tolist() == [3, 2, 3]
    assert masks.reference.sum(dim=(0, 1)).tolist() == [4, 2, 0]
    assert masks.lungs.sum(dim=(0, 1)).tolist() == [0, 8, 8]


def test_grid_stored_in_another_order_of_axes_is_the_same_grid(tmp_path):
    prediction, reference, _ = hand_worked_masks()
    scan = case(tmp_path, prediction, reference)
    straight = load_scan_masks(scan)
    nib.save(nib.as_closest_canonical(nib.load(scan.reference)), scan.reference)
    assert nib.aff2axcodes(nib.load(scan.reference).affine) == ("R", "A", "S")
    assert np.array_equal(load_scan_masks(scan).reference, straight.reference)


def test_rounded_affine_is_the_same_grid_and_half_a_voxel_is_not(tmp_path):
    masks = hand_worked_masks()
    rounded, moved = AFFINE.copy(), AFFINE.copy()
    rounded[:3, 3] += 1e-3
    moved[0, 3] += 5
    assert load_scan_masks(case(tmp_path, *masks, affine=rounded)).lungs.any()
    with pytest.raises(InputError, match=r"prediction/ct.nii.gz: its affine differs .*reference/ct.nii.gz, by up to 5"):
        load_scan_masks(case(tmp_path, *masks, affine=moved))
    with pytest.raises(InputError, match=r"its affine differs from that of .*lungs/ct.nii.gz"):
        load_scan_masks(case(tmp_path, masks[0], None, masks[2], affine=moved))


def test_wrong_slice_distance_is_another_grid(tmp_path):
    with pytest.raises(InputError, match="affine differs"):
        load_scan_masks(case(tmp_path, *hand_worked_masks()[:2], affine=np.diag([-10.0, -10, 11, 1])))


def test_other_shape_is_named(tmp_path):
    with pytest.raises(InputError, match=r"shape \(4, 2, 3\).*ct.nii.gz \(4, 2, 4\): resample"):
        load_scan_masks(case(tmp_path, np.zeros(SHAPE), np.zeros((2, 4, 4))))


def test_probability_map_is_no_mask(tmp_path):
    with pytest.raises(InputError, match=r"prediction/ct.nii.gz: label values 0.25 are unknown"):
        load_scan_masks(case(tmp_path, np.full(SHAPE, 0.25), np.zeros(SHAPE)))


def test_labels_of_the_reference_can_be_named_and_unknown_ones_are_refused(tmp_path):
    labels = np.zeros(SHAPE)
    labels[0, 0], labels[1, 1, :2] = 1, 3  # lung and infection
    scan = case(tmp_path, labels == 3, labels)
    with pytest.raises(InputError, match="label values 3 are unknown"):
        load_scan_masks(scan)
    masks = load_scan_masks(scan, LabelValues(lesion=(3,), background=(1,)))
    assert np.array_equal(masks.reference, masks.prediction)


def test_empty_lung_mask_counts_as_none(tmp_path):
    assert load_scan_masks(case(tmp_path, *hand_worked_masks()[:2], np.zeros(SHAPE))).lungs is None


def test_scan_named_lesion_free_has_an_empty_reference(tmp_path):
    prediction, reference, _ = hand_worked_masks()
    masks = load_scan_masks(case(tmp_path, prediction, lesion_free=True))
    assert masks.reference.shape == masks.prediction.shape
    assert not masks.reference.any()
    with pytest.raises(InputError, match=r"reference/ct.nii.gz: holds 6 voxels of lesion, but --lesion-free"):
        load_scan_masks(case(tmp_path, prediction, reference, lesion_free=True))
