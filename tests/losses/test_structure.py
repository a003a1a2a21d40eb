import math

import pytest
import torch

from infnet_monai.losses import StructureLoss


def reference_loss(logits, mask, weighted):
    """The formula pixel by pixel."""
    losses, plain = [], []
    batch, _, height, width = mask.shape
    for b in range(batch):
        total = bce_sum = inter = union = 0.0
        for i in range(height):
            for j in range(width):
                around = mask[b, 0, max(0, i - 15) : i + 16, max(0, j - 15) : j + 16].sum().item() / 31**2
                m, x = mask[b, 0, i, j].item(), logits[b, 0, i, j].item()
                w, p = 1 + 5 * abs(around - m), 1 / (1 + math.exp(-x))
                bce = -(m * math.log(p) + (1 - m) * math.log(1 - p))
                plain.append(bce)
                total, bce_sum = total + w, bce_sum + w * bce
                inter, union = inter + w * p * m, union + w * (p + m)
        losses.append((bce_sum / total, 1 - (inter + 1) / (union - inter + 1)))
    mean_plain = sum(plain) / len(plain)
    return sum((bce if weighted else mean_plain) + iou for bce, iou in losses) / batch


@pytest.mark.parametrize("weighted", [True, False])
def test_equals_the_formula_pixel_by_pixel(weighted):
    torch.manual_seed(0)
    mask = (torch.rand(2, 1, 9, 12) > 0.6).double()
    logits = torch.randn(2, 1, 9, 12).double()
    loss = StructureLoss(weighted_bce=weighted)(logits, mask)
    assert loss.item() == pytest.approx(reference_loss(logits, mask, weighted), rel=1e-9)


def test_perfect_logits_cost_nothing_and_wrong_ones_much():
    mask = torch.zeros(1, 1, 40, 40)
    mask[..., 10:20, 10:30] = 1
    assert StructureLoss()(40 * mask - 20, mask) < 1e-3
    assert StructureLoss()(20 - 40 * mask, mask) > 15


def test_gradient_flows_and_empty_mask_is_finite():
    logits = torch.zeros(1, 1, 8, 8, requires_grad=True)
    StructureLoss()(logits, torch.zeros(1, 1, 8, 8)).backward()
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad > 0).all()


def test_other_shape_is_refused():
    with pytest.raises(ValueError, match="same shape"):
        StructureLoss()(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 9))


@pytest.mark.parametrize("pixels", [1, 10, 100])
def test_false_positives_on_a_slice_without_lesion_are_pushed_down_most(pixels):
    logits = torch.full((1, 1, 64, 64), -8.0)
    logits.view(-1)[:pixels] = 3
    logits.requires_grad_()
    loss = StructureLoss()(logits, torch.zeros_like(logits))
    loss.backward()
    gradient = logits.grad.view(-1)
    assert (gradient > 0).all()
    assert gradient[:pixels].min() > 50 * gradient[pixels:].max()
    area = torch.sigmoid(logits.detach()).sum().item()  # the IoU part saturates with it: 1 - 1 / (area + 1)
    bce = torch.nn.functional.softplus(logits.detach()).mean().item()
    assert loss.item() == pytest.approx(bce + 1 - 1 / (area + 1), rel=1e-4)
