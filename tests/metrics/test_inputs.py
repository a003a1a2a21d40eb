import pytest
import torch
from monai.data import MetaTensor

from infnet_monai.errors import InputError
from infnet_monai.metrics import mean_absolute_error, min_max_scaled, structure_measure, threshold_curves
from infnet_monai.metrics.inputs import prepared_pair

GOOD, MASK = torch.tensor([[0.0, 0.5, 0.25, 1.0]]).view(1, 1, 2, 2), torch.tensor([[0, 1, 1, 0]]).view(1, 1, 2, 2)


def test_scaling_spans_zero_to_one_image_by_image():
    maps = torch.stack([GOOD[0] / 2, GOOD[0] * 0.5 + 0.25])
    assert torch.equal(min_max_scaled(maps), GOOD.double().expand(2, 1, 2, 2))


def test_a_constant_map_is_only_clipped():
    assert min_max_scaled(torch.full((1, 1, 2, 2), 0.25)).unique().tolist() == [0.25]
    assert min_max_scaled(torch.full((1, 1, 2, 2), 3)).unique().tolist() == [1.0]


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool, torch.uint8]
)
@pytest.mark.parametrize("mask_dtype", [torch.bool, torch.uint8, torch.int64, torch.float32])
def test_any_dtype_becomes_float64(dtype, mask_dtype):
    pred, reference = prepared_pair(MASK.to(dtype), MASK.to(mask_dtype))
    assert pred.dtype == reference.dtype == torch.float64
    assert torch.equal(pred, MASK.double())
    assert torch.equal(reference, MASK.double())


def test_inputs_are_left_as_they_are():
    maps, masks = GOOD.double() * 0.5, MASK.double()
    prepared_pair(maps, masks)[0].zero_()
    assert torch.equal(maps, GOOD.double() * 0.5)
    assert torch.equal(masks, MASK.double())


def test_meta_tensors_and_gradients_are_left_behind():
    pred, _ = prepared_pair(MetaTensor(GOOD).requires_grad_(), MetaTensor(MASK))
    assert type(pred) is torch.Tensor
    assert not pred.requires_grad


@pytest.mark.parametrize("measure", [threshold_curves, structure_measure, mean_absolute_error])
@pytest.mark.parametrize(
    ("pred", "reference", "message"),
    [
        (GOOD, MASK[..., :1], r"case_b: .*shape \(2, 1, 2, 2\).*\(2, 1, 2, 1\).*resize"),
        (GOOD + 0.5, MASK, r"case_b: .*\[0.5, 1.5\].*\[0, 1\].*sigmoid"),
        (GOOD - 1e-6, MASK, r"case_b: .*\[-1e-06, .*sigmoid"),
        (GOOD * torch.nan, MASK, "case_b: .*nan.*without NaN"),
        (GOOD, MASK * 255, r"case_b: .*\[0, 255\].*binarise"),
        (GOOD, MASK * 0.5, r"case_b: .*\[0.0, 0.5\].*binarise"),
        (GOOD, MASK * torch.nan, "case_b: .*nan.*binarise"),
    ],
)
def test_bad_input_is_refused_by_name(measure, pred, reference, message):
    names = ["case_a", "case_b"]
    if reference.shape != MASK.shape:
        names, batch = ["case_b", "case_b"], (pred.expand(2, 1, 2, 2), reference.expand(2, 1, 2, 1))
    else:
        batch = torch.cat([GOOD, pred]), torch.cat([MASK.to(reference.dtype), reference])
    with pytest.raises(InputError, match=message):
        measure(*batch, names=names)


def test_without_names_the_place_in_the_batch_is_told():
    with pytest.raises(InputError, match="case 1 of the batch"):
        threshold_curves(torch.cat([GOOD, GOOD + 1]), torch.cat([MASK, MASK]))


@pytest.mark.parametrize("shape", [(2, 2), (1, 2, 2), (1, 2, 2, 2), (1, 1, 0, 2), (0, 1, 2, 2)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(InputError, match=r"\(B, 1, H, W\)"):
        prepared_pair(torch.zeros(shape), torch.zeros(shape))


def test_unknown_protocol_is_refused():
    with pytest.raises(InputError, match="'papper' is unknown"):
        threshold_curves(GOOD, MASK, protocol="papper")
