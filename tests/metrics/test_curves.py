import numpy as np
import pytest
import torch

from infnet_monai.metrics import ThresholdCurves, adaptive_metrics, enhanced_alignment, threshold_curves
from infnet_monai.metrics.counts import ConfusionCounts


def image(rows):
    return torch.tensor(rows)[None, None]


def test_two_pixels_by_hand():
    curves = threshold_curves(image([[0.0, 1.0]]), image([[0, 1]]))
    assert all(curve.shape == (1, 256) and curve.dtype == torch.float64 for curve in curves)
    # the second pixel alone is labelled at every threshold but 0, where both are
    assert curves.dice[0].tolist() == [1.0] * 255 + [2 / 3]
    assert curves.sensitivity[0].tolist() == [1.0] * 256
    assert curves.specificity[0].tolist() == [1.0] * 255 + [0.0]


def test_map_is_scaled_in_the_paper_protocol_only():
    pred, reference = image([[0.25, 0.5]]), image([[0, 1]])
    assert threshold_curves(pred, reference).dice[0, 0] == 1
    clinical = threshold_curves(pred, reference, protocol="clinical").dice[0]
    # 0.5 lies between the thresholds 127/255 and 128/255
    assert clinical[[0, 255 - 128, 255 - 127]].tolist() == [0, 0, 1]


def test_true_negatives_count_for_nothing_without_a_hit():
    pred, reference = image([[1.0, 0.0, 0.0]]), image([[0, 0, 1]])
    assert threshold_curves(pred, reference).specificity[0, 0] == 0
    assert threshold_curves(pred, reference, protocol="clinical").specificity[0, 0] == 0.5


def test_undefined_is_zero_on_paper_and_nan_clinically():
    pred, empty = image([[0.0, 1.0]]), image([[0, 0]])
    assert threshold_curves(pred, empty).sensitivity.eq(0).all()
    assert threshold_curves(pred, empty, protocol="clinical").sensitivity.isnan().all()
    assert threshold_curves(pred, 1 - empty).specificity.eq(0).all()
    assert threshold_curves(pred, 1 - empty, protocol="clinical").specificity.isnan().all()


def test_golden_curves(golden):
    for name, (pred, reference, curves, _) in golden.items():
        found = threshold_curves(torch.from_numpy(pred)[None, None], torch.from_numpy(reference)[None, None])
        for curve, values in curves.items():
            np.testing.assert_allclose(getattr(found, curve)[0], values, atol=1e-12, err_msg=f"{name} {curve}")


def test_adaptive_threshold_is_twice_the_mean():
    # scaled map 0, 0, 1, 0.5: mean 0.375, threshold 0.75
    found = adaptive_metrics(image([[0.0, 0.0, 0.8, 0.4]]), image([[0, 0, 1, 1]]))
    assert isinstance(found, ThresholdCurves)
    assert found.dice.tolist() == [[2 / 3]]
    # scaled map 0, 1, 1: twice the mean is over 1, so the threshold is 1
    assert adaptive_metrics(image([[0.0, 0.3, 0.3]]), image([[0, 1, 1]])).dice.tolist() == [[1.0]]


def alignment(tp, fp, foreground, background):
    counts = ConfusionCounts(
        *(torch.tensor([[float(n)]], dtype=torch.float64) for n in (tp, fp, foreground, background))
    )
    return enhanced_alignment(counts).item()


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((2, 0, 2, 2), 4 / 3),  # perfect: every pixel aligned, over N - 1
        ((0, 2, 2, 2), 0),  # inverted
        ((2, 2, 2, 2), 1 / 3),  # everything labelled: no deviation, alignment 0 at each of 4 pixels
        ((0, 1, 0, 4), 3 / 3),  # empty reference: pixels not labelled
        ((1, 0, 4, 0), 1 / 3),  # full reference: labelled pixels
    ],
)
def test_enhanced_alignment_by_hand(counts, expected):
    assert alignment(*counts) == pytest.approx(expected, abs=1e-12)


def test_volumes_have_curves_too():
    pred, reference = torch.rand(2, 1, 3, 4, 5), torch.rand(2, 1, 3, 4, 5) > 0.5
    found = threshold_curves(pred, reference)
    flat = threshold_curves(pred.flatten(3), reference.flatten(3))
    assert all(torch.equal(one, other) for one, other in zip(found, flat, strict=True))
