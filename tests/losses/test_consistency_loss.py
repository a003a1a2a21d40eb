import math

import pytest
import torch

from infnet_monai.errors import InputError
from infnet_monai.losses import ConsistencyLoss

TEACHER = torch.tensor([[[[0.95, 0.05], [0.6, 0.4]]]])  # surely lesion, surely none, twice unsure


def test_a_map_without_an_opinion_gives_the_value_worked_by_hand():
    # BCE ln 2 on two of four pixels; Dice of q = (1/2, 1/2) with y = (1, 0): 1 - (1 + 1) / (2 + 1), half confident
    loss = ConsistencyLoss()([torch.zeros(1, 1, 2, 2)], TEACHER)
    assert loss.item() == pytest.approx(math.log(2) / 2 + (1 - 2 / 3) / 2)


def test_unsure_pixels_give_no_gradient():
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    ConsistencyLoss()([logits], TEACHER).backward()
    assert logits.grad[0, 0, 1].tolist() == [0, 0]
    assert logits.grad[0, 0, 0, 0] < 0 < logits.grad[0, 0, 0, 1]


def test_a_teacher_who_is_sure_of_nothing_teaches_nothing():
    assert ConsistencyLoss()([torch.randn(2, 1, 4, 4)], torch.full((2, 1, 4, 4), 0.5)) == 0


def test_a_slice_without_a_confident_lesion_has_no_dice_loss():
    loss = ConsistencyLoss()([torch.zeros(1, 1, 2, 2)], torch.full((1, 1, 2, 2), 0.05))
    assert loss.item() == pytest.approx(math.log(2))


def test_all_maps_or_the_last_one_count():
    coarse, last = torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 3.0)
    of_coarse, of_last = (ConsistencyLoss()([logits], TEACHER) for logits in (coarse, last))
    assert ConsistencyLoss(maps="last")([coarse, last], TEACHER) == of_last
    assert ConsistencyLoss(maps="all")([coarse, last], TEACHER) == of_coarse + of_last


def test_thresholds_decide_what_is_confident():
    assert ConsistencyLoss(below=0.45, above=0.97).confident(TEACHER).flatten().tolist() == [False, True, False, True]


@pytest.mark.parametrize("values", [{"below": 0.9, "above": 0.1}, {"below": 0.0}, {"above": 1.0}, {"maps": "s_3"}])
def test_values_that_make_no_sense_are_refused(values):
    with pytest.raises(InputError, match="expected"):
        ConsistencyLoss(**values)


def test_maps_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"map \(1, 1, 4, 4\)"):
        ConsistencyLoss()([torch.zeros(1, 1, 4, 4)], TEACHER)
