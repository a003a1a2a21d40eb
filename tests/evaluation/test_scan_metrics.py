import math

import numpy as np
import pytest
import torch
from written_masks import AFFINE, SHAPE, hand_worked_masks

from infnet_monai.evaluation.scan_masks import ScanMasks
from infnet_monai.evaluation.scan_metrics import measure_scan


def measure(prediction, reference, lungs=None, affine=AFFINE):
    masks = [None if mask is None else torch.as_tensor(mask) > 0 for mask in (prediction, reference, lungs)]
    return measure_scan(ScanMasks(*masks, torch.as_tensor(affine)))


def test_scan_worked_by_hand():
    found = measure(*hand_worked_masks())
    # TP 4, FP 4, FN 2; one ml a voxel
    assert found.dice == pytest.approx(8 / 14)
    assert found.lesion_slice_dice == pytest.approx((4 / 7 + 1) / 2)
    assert found.sensitivity == pytest.approx(4 / 6)
    assert found.precision == pytest.approx(4 / 8)
    assert (found.reference_ml, found.predicted_ml) == pytest.approx((6, 8))
    assert (found.volume_error_ml, found.absolute_error_ml) == pytest.approx((2, 2))
    assert found.relative_error_percent == pytest.approx(100 / 3)
    assert found.false_positive_ml == pytest.approx(4)
    assert found.lesion_free_slices_false_positive_ml == pytest.approx(3)
    assert found.false_negative_ml == pytest.approx(2)
    # 16 voxels of lung, and the 4 of the lesion that the lung mask leaves out
    assert found.lung_ml == pytest.approx(20)
    assert found.reference_percent_of_lung == pytest.approx(30)
    assert found.predicted_percent_of_lung == pytest.approx(40)
    assert (found.percent_of_lung_error, found.percent_of_lung_absolute_error) == pytest.approx((10, 10))
    assert (found.slices, found.lesion_slices) == (3, 2)
    assert (found.row_mm, found.column_mm, found.slice_mm) == (10, 10, 10)


def test_missed_lesion_has_a_negative_error_and_a_positive_absolute_one():
    prediction, reference, lungs = hand_worked_masks()
    found = measure(prediction * 0, reference, lungs)
    assert (found.dice, found.sensitivity) == (0, 0)
    assert math.isnan(found.precision)
    assert math.isnan(found.hd95_mm)
    assert (found.volume_error_ml, found.absolute_error_ml, found.relative_error_percent) == (-6, 6, -100)
    assert (found.percent_of_lung_error, found.percent_of_lung_absolute_error) == pytest.approx((-30, 30))


def test_scan_without_lesion_has_false_positives_only():
    prediction, reference, lungs = hand_worked_masks()
    found = measure(prediction, reference * 0, lungs)
    assert found.false_positive_ml == found.lesion_free_slices_false_positive_ml == 8
    assert found.predicted_percent_of_lung == pytest.approx(50)
    for undefined in (found.lesion_slice_dice, found.sensitivity, found.relative_error_percent):
        assert math.isnan(undefined)
    assert math.isnan(measure(prediction * 0, reference * 0).dice)


def test_fractions_of_the_lungs_are_undefined_without_lungs():
    found = measure(*hand_worked_masks()[:2])
    assert all(
        math.isnan(value) for value in (found.lung_ml, found.reference_percent_of_lung, found.predicted_percent_of_lung)
    )
    assert math.isnan(found.percent_of_lung_error)
    assert found.predicted_ml == 8


def test_voxel_volume_is_the_determinant_also_of_a_sheared_grid():
    sheared = AFFINE.copy()
    sheared[1, 2] = 5  # a tilted gantry: each slice starts 5 mm further back
    assert measure(*hand_worked_masks(), affine=sheared).predicted_ml == pytest.approx(8)


def test_hd95_is_the_shift_of_a_single_voxel_and_undefined_on_a_sheared_grid():
    prediction, reference = np.zeros(SHAPE), np.zeros(SHAPE)
    prediction[0, 0, 0] = reference[0, 3, 0] = 1
    assert measure(prediction, reference).hd95_mm == pytest.approx(30)
    sheared = AFFINE.copy()
    sheared[1, 2] = 5
    assert math.isnan(measure(prediction, reference, affine=sheared).hd95_mm)


def test_hd95_does_not_depend_on_the_empty_space_around():
    prediction, reference = np.zeros((2, 12, 12, 9))
    prediction[3:6, 3:6, 4] = reference[4:9, 3:7, 3:6] = 1
    here = measure(prediction, reference).hd95_mm
    wide = [np.pad(mask, 5) for mask in (prediction, reference)]
    assert here > 0
    assert measure(*wide).hd95_mm == pytest.approx(here)
