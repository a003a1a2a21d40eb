import numpy as np
import pytest
import torch

from infnet_monai.metrics import ConfusionCounts
from infnet_monai.metrics.counts import counts_at, counts_over_thresholds

THRESHOLDS = np.arange(255, -1, -1) / 255


def counts(tp, fp, foreground, background):
    return ConfusionCounts(*(torch.tensor([[n]], dtype=torch.float64) for n in (tp, fp, foreground, background)))


def test_measures_of_hand_made_counts():
    made = counts(3, 1, 4, 12)
    assert (made.fn.item(), made.tn.item()) == (1, 11)
    assert made.dice().item() == 6 / 8
    assert made.iou().item() == 3 / 5
    assert made.sensitivity().item() == 3 / 4
    assert made.specificity().item() == 11 / 12
    assert made.precision().item() == 3 / 4


@pytest.mark.parametrize(
    ("made", "undefined"),
    [
        (counts(0, 0, 0, 5), {"dice", "iou", "sensitivity", "precision"}),
        (counts(0, 2, 0, 5), {"sensitivity"}),
        (counts(0, 0, 2, 5), {"precision"}),
        (counts(2, 0, 5, 0), {"specificity"}),
        (counts(1, 1, 2, 5), set()),
    ],
)
def test_nothing_over_nothing_is_nan(made, undefined):
    measures = ("dice", "iou", "sensitivity", "specificity", "precision")
    assert {name for name in measures if getattr(made, name)().isnan()} == undefined


def test_values_on_and_beside_every_threshold_fall_on_their_side():
    below, above = np.nextafter(THRESHOLDS, -1), np.nextafter(THRESHOLDS, 2)
    values = np.clip(np.concatenate([THRESHOLDS, below, above]), 0, 1)
    pred = torch.from_numpy(values)[None, None, None]
    found = counts_over_thresholds(pred, torch.ones_like(pred))
    expected = [(values >= threshold).sum() for threshold in THRESHOLDS]
    assert found.tp[0].tolist() == expected
    assert found.fp[0].tolist() == [0] * 256


def test_float32_values_next_to_thresholds_are_compared_as_they_are():
    nearest = THRESHOLDS.astype(np.float32)
    values = np.concatenate([nearest, np.nextafter(nearest, np.float32(-1)), np.nextafter(nearest, np.float32(2))])
    values = values.clip(0, 1).astype(np.float64)
    pred = torch.from_numpy(values)[None, None, None]
    found = counts_over_thresholds(pred, torch.zeros_like(pred))
    assert found.fp[0].tolist() == [(values >= threshold).sum() for threshold in THRESHOLDS]


def test_images_of_a_batch_do_not_mix():
    pred = torch.tensor([[0.0, 1.0], [1.0, 1.0]], dtype=torch.float64).view(2, 1, 1, 2)
    reference = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=torch.float64).view(2, 1, 1, 2)
    found = counts_over_thresholds(pred, reference)
    assert found.tp[:, [0, -1]].tolist() == [[0, 1], [2, 2]]
    assert found.fp[:, [0, -1]].tolist() == [[1, 1], [0, 0]]
    assert found.n_foreground.tolist() == [[1], [2]]
    assert found.n_background.tolist() == [[1], [0]]


def test_counts_at_one_threshold_and_at_one_for_each_image():
    pred = torch.tensor([[0.2, 0.5, 0.8], [0.2, 0.5, 0.8]], dtype=torch.float64).view(2, 1, 1, 3)
    reference = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64).expand(2, 1, 1, 3)
    assert counts_at(pred, reference, 0.5).tp.tolist() == [[2], [2]]
    found = counts_at(pred, reference, torch.tensor([0.1, 0.6]))
    assert (found.tp.tolist(), found.fp.tolist()) == ([[2], [1]], [[1], [0]])
    assert (found.n_foreground.tolist(), found.n_background.tolist()) == ([[2], [2]], [[1], [1]])


def test_counts_of_a_transposed_map_with_scratch():
    pred = torch.rand(2, 1, 4, 6, dtype=torch.float64).transpose(2, 3)
    reference = (torch.rand(2, 1, 6, 4) > 0.5).double()
    scratch = torch.full((2, 1, 6, 4), torch.nan, dtype=torch.float64)
    for count in (counts_over_thresholds, lambda *pair: counts_at(*pair[:2], 0.5, *pair[2:])):
        for one, other in zip(count(pred, reference), count(pred.contiguous(), reference, scratch), strict=True):
            assert torch.equal(one, other)
