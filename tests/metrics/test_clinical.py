import pytest
import torch

from infnet_monai.errors import InputError
from infnet_monai.metrics import clinical_metrics, count_undefined, hausdorff_95, select_metrics, summarise

NAMES = [metric.name for metric in select_metrics("clinical")]
SQUARE = [(1.0, 1.0)]

ON, OFF = [[0.9, 0.9, 0.1, 0.1]], [[0.1, 0.1, 0.1, 0.1]]


def measure(pred, reference, **options):
    values = clinical_metrics(torch.tensor(pred)[None, None], torch.tensor(reference)[None, None], **options)
    return dict(zip(NAMES, values[0].tolist(), strict=True))


def test_four_pixels_by_hand():
    # labelled: 1st, 2nd; lesion: 2nd, 3rd
    found = measure(ON, [[0, 1, 1, 0]], spacing_mm=SQUARE)
    assert found["dice"] == found["sensitivity"] == found["specificity"] == found["precision"] == 0.5
    assert found["iou"] == pytest.approx(1 / 3)
    assert found["hd95_mm"] == pytest.approx(0.95)  # distances 0 and 1 in either direction, 95th percentile
    assert found["mae"] == pytest.approx((0.9 + 0.1 + 0.9 + 0.1) / 4)


def test_threshold_is_one_half_and_the_map_is_not_scaled():
    assert measure([[0.5, 0.49]], [[1, 0]])["dice"] == 1
    assert measure([[0.4, 0.2]], [[1, 0]])["dice"] == 0


@pytest.mark.parametrize(
    ("pred", "reference", "undefined", "defined"),
    [
        (OFF, [[0, 1, 1, 0]], {"precision", "hd95_mm"}, {"dice": 0, "iou": 0, "sensitivity": 0, "specificity": 1}),
        (ON, [[0, 0, 0, 0]], {"sensitivity", "hd95_mm"}, {"dice": 0, "iou": 0, "precision": 0, "specificity": 0.5}),
        (OFF, [[0, 0, 0, 0]], {"dice", "iou", "sensitivity", "precision", "hd95_mm"}, {"specificity": 1}),
        (ON, [[1, 1, 1, 1]], {"specificity"}, {"sensitivity": 0.5, "precision": 1}),
    ],
)
def test_policy_for_empty_and_full(pred, reference, undefined, defined):
    found = measure(pred, reference, spacing_mm=SQUARE)
    assert {name for name, value in found.items() if value != value} == undefined
    assert {name: found[name] for name in defined} == defined


def test_volumes_are_counted_over_all_voxels():
    pred, reference = torch.zeros(1, 1, 2, 2, 3), torch.zeros(1, 1, 2, 2, 3)
    pred[..., 0], reference[..., 0], reference[..., 1] = 1, 1, 1
    found = dict(zip(NAMES, clinical_metrics(pred, reference)[0].tolist(), strict=True))
    assert found["dice"] == pytest.approx(2 * 4 / 12)
    assert found["specificity"] == 1
    assert found["mae"] == pytest.approx(4 / 12)


def test_hausdorff_distance_in_pixels_and_millimetres():
    pred, reference = torch.zeros(2, 1, 9, 9)
    pred[0, 2, 2], reference[0, 2, 6] = 1, 1
    pair = torch.stack([pred, pred]), torch.stack([reference, reference])
    assert hausdorff_95(*pair).tolist() == [4, 4]
    assert hausdorff_95(*pair, spacing_mm=[(1.0, 0.5), (3.0, 2.0)]).tolist() == [2, 8]


def test_mean_is_over_defined_values_and_the_rest_is_counted():
    nan = float("nan")
    values = torch.tensor([[1.0, nan, 3.0], [nan, nan, 1.0]], dtype=torch.float64)
    summary = summarise(values, ["a", "b", "c"])
    assert (summary["a"], summary["c"]) == (1, 2)
    assert summary["b"] != summary["b"]
    assert count_undefined(values, ["a", "b", "c"]) == {"a": 1, "b": 2, "c": 0}


def test_bad_input_is_refused_by_name():
    with pytest.raises(InputError, match=r"^scan_7: "):
        measure([[1.5, 0.0]], [[0, 1]], names=["scan_7"])
