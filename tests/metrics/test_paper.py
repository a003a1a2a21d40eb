import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from infnet_monai.benchmarks.metrics import pysodmetrics_values
from infnet_monai.errors import InputError
from infnet_monai.metrics import MetricValues, images, mean_absolute_error, paper_metrics, select_metrics

NAMES = tuple(metric.name for metric in select_metrics("paper"))
MAE = NAMES.index("mae")


def tensors(pred, reference):
    return torch.from_numpy(pred)[None, None], torch.from_numpy(reference)[None, None]


def random_pairs(rng):
    """Odd and tiny sizes, all kinds of maps by all kinds of references."""
    for height, width in ((1, 1), (1, 7), (5, 1), (2, 2), (9, 13), (32, 21)):
        if height * width == 1:
            continue  # N - 1 = 0
        maps = [
            rng.random((height, width)),
            (rng.random((height, width)) * 255).round() / 255,
            rng.integers(0, 2, (height, width)).astype(float),
            np.full((height, width), 0.3),
            np.zeros((height, width)),
            0.5 + 1e-4 * rng.random((height, width)),
        ]
        one_pixel = np.zeros((height, width), bool)
        one_pixel[rng.integers(height), rng.integers(width)] = True
        border = np.zeros((height, width), bool)
        border[-1] = True
        masks = [one_pixel, ~one_pixel, border, np.zeros_like(border), np.ones_like(border)]
        masks += [rng.random((height, width)) > share for share in (0.2, 0.8)]
        yield from ((pred.astype(np.float32), mask) for pred in maps for mask in masks)


def test_names_tell_the_columns_apart():
    published = ("mean_dice", "mean_sensitivity", "mean_specificity", "s_measure", "mean_e_measure", "mae")
    assert NAMES[:6] == published
    assert tuple(metric.name for metric in select_metrics("paper", printed=True)) == published
    assert {"max_dice", "max_e_measure", "adaptive_dice", "adaptive_e_measure"} < set(NAMES)
    assert len(set(NAMES)) == 14


def test_two_pixels_by_hand():
    row = paper_metrics(*tensors(np.array([[0.0, 0.5]]), np.array([[0, 1]]))).values[0]
    values = dict(zip(NAMES, row.tolist(), strict=True))
    assert values["mean_dice"] == pytest.approx((255 + 2 / 3) / 256)
    assert values["mean_specificity"] == pytest.approx(255 / 256)
    assert values["max_dice"] == values["adaptive_dice"] == 1
    assert values["mae"] == 0


def test_golden_values_and_curves(golden):
    for name, (pred, reference, curves, values) in golden.items():
        found = paper_metrics(*tensors(pred, reference))
        row = dict(zip(NAMES, found.values[0].tolist(), strict=True))
        for measure, expected in values.items():
            column = measure if measure in ("s_measure", "mae") else f"mean_{measure}"
            assert row[column] == pytest.approx(expected, abs=1e-9), (name, column)
        np.testing.assert_allclose(found.curves[0], np.stack(list(curves.values())), atol=1e-12, err_msg=name)


def test_brute_force_on_random_pairs_and_edge_cases(brute_force):
    for pred, reference in random_pairs(np.random.default_rng(0)):
        expected = brute_force(pred, reference)
        found = paper_metrics(*tensors(pred, reference))
        np.testing.assert_allclose(found.values[0], expected["values"], atol=1e-8)
        np.testing.assert_allclose(found.curves[0], list(expected["curves"].values()), atol=1e-10)


def test_brute_force_on_an_eight_bit_slice(brute_force):
    pred, reference = ordinary_pair(5, (97, 120))
    expected = brute_force(pred / 255, reference)["values"]
    np.testing.assert_allclose(paper_metrics(*tensors(pred / 255, reference)).values[0], expected, atol=1e-10)


def ordinary_pair(seed, shape=(120, 150)):
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=shape), 8)
    field = (field - np.quantile(field, 0.8)) / field.std()
    pred = 1 / (1 + np.exp(-3 * field + rng.normal(size=shape)))
    return (255 * pred).round().astype(np.uint8), field > 0


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_pysodmetrics_on_ordinary_maps(seed):
    pred, reference = ordinary_pair(seed)
    theirs = pysodmetrics_values(pred, reference.astype(np.uint8) * 255)
    ours = paper_metrics(*tensors((pred / 255).astype(np.float32), reference)).values[0]
    assert np.abs(ours.numpy() - theirs).max() < 0.003


@pytest.mark.parametrize("at_once", [1, 700, 10**9])
def test_batches_equal_single_images_however_they_are_split(monkeypatch, at_once):
    monkeypatch.setattr(images, "CPU_PIXELS_AT_ONCE", at_once)
    rng = np.random.default_rng(2)
    pred, reference = torch.from_numpy(rng.random((5, 1, 16, 20))), torch.from_numpy(rng.random((5, 1, 16, 20)) > 0.7)
    batch = paper_metrics(pred, reference)
    single = [paper_metrics(pred[i : i + 1], reference[i : i + 1]) for i in range(5)]
    assert isinstance(batch, MetricValues)
    assert batch.values.shape == (5, len(NAMES))
    np.testing.assert_allclose(batch.values, torch.cat([one.values for one in single]), atol=1e-12)
    np.testing.assert_allclose(batch.curves, torch.cat([one.curves for one in single]), atol=1e-12)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_agrees_with_golden_values(golden):
    for name, (pred, reference, curves, values) in golden.items():
        found = paper_metrics(*(tensor.cuda() for tensor in tensors(pred, reference)))
        np.testing.assert_allclose(found.curves[0].cpu(), np.stack(list(curves.values())), atol=1e-9, err_msg=name)
        soft = [values["s_measure"], values["mae"]]
        np.testing.assert_allclose(found.values[0, [3, 5]].cpu(), soft, atol=1e-9, err_msg=name)


def test_result_can_be_changed_in_place_and_inputs_stay():
    pred, reference = torch.rand(1, 1, 8, 8, requires_grad=True), torch.rand(1, 1, 8, 8) > 0.5
    kept = pred.detach().clone()
    values = paper_metrics(pred, reference).values
    values += 1
    assert not values.requires_grad
    assert torch.equal(pred, kept)


def test_mixed_precision_leaves_float64_alone():
    pred, reference = torch.rand(1, 1, 9, 8), torch.rand(1, 1, 9, 8) > 0.5
    expected = paper_metrics(pred, reference)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = paper_metrics(pred, reference)
    assert torch.equal(found.values, expected.values)


def test_absolute_error_of_parts_equals_the_plain_one():
    pred, reference = torch.rand(3, 1, 11, 7), torch.rand(3, 1, 11, 7) > 0.6
    found = paper_metrics(pred, reference).values[:, MAE]
    np.testing.assert_allclose(found, mean_absolute_error(pred, reference), atol=1e-14)


def test_bad_slice_is_named_in_a_later_chunk(monkeypatch):
    monkeypatch.setattr(images, "CPU_PIXELS_AT_ONCE", 1)
    pred, reference = torch.rand(3, 1, 4, 4), torch.zeros(3, 1, 4, 4)
    pred[2, 0, 0, 0] = 2
    with pytest.raises(InputError, match="case 2 of the batch"):
        paper_metrics(pred, reference)
    with pytest.raises(InputError, match=r"^c\.png"):
        paper_metrics(pred, reference, names=["a.png", "b.png", "c.png"])


def test_volumes_are_refused():
    with pytest.raises(InputError, match="unbind the volume"):
        paper_metrics(torch.rand(1, 1, 4, 4, 2), torch.zeros(1, 1, 4, 4, 2))
