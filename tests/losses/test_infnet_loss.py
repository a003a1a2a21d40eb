import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from infnet_monai.losses import InfNetLoss, StructureLoss
from infnet_monai.networks import InfNetMaps


def test_is_the_edge_loss_plus_the_structure_loss_of_each_map():
    torch.manual_seed(0)
    maps = InfNetMaps(*(torch.randn(2, 1, 16, 16) for _ in range(5)))
    target = (torch.rand(2, 2, 16, 16) > 0.5).to(torch.uint8)
    mask, edge = target[:, :1].float(), target[:, 1:].float()
    expected = binary_cross_entropy_with_logits(maps.s_edge, edge)
    expected = expected + sum(StructureLoss()(logits, mask) for logits in maps[:4])
    assert InfNetLoss()(maps, target).item() == pytest.approx(expected.item())


def test_switch_reaches_the_structure_loss():
    maps = [torch.randn(1, 1, 16, 16) for _ in range(5)]
    target = torch.zeros(1, 2, 16, 16)
    target[:, 0, 4:8, 4:8] = 1
    assert InfNetLoss(weighted_bce=False)(maps, target) != InfNetLoss()(maps, target)


def test_wrong_inputs_are_refused():
    with pytest.raises(ValueError, match="train mode"):
        InfNetLoss()(torch.zeros(1, 1, 8, 8), torch.zeros(1, 2, 8, 8))
    with pytest.raises(ValueError, match="masks and edge"):
        InfNetLoss()([torch.zeros(1, 1, 8, 8)] * 5, torch.zeros(1, 1, 8, 8))


def test_loss_of_two_classes_is_the_mean_over_them_and_one_edge_loss():
    generator = torch.Generator().manual_seed(0)
    target = (torch.rand(2, 3, 40, 40, generator=generator) > 0.5).float()
    maps = [torch.randn(2, 2, 40, 40, generator=generator) for _ in range(4)]
    edge = torch.randn(2, 1, 40, 40, generator=generator)

    both = InfNetLoss()([*maps, edge], target)

    single = [InfNetLoss()([*(m[:, [c]] for m in maps), edge], target[:, [c, 2]]) for c in (0, 1)]
    torch.testing.assert_close(both, sum(single) / 2)
