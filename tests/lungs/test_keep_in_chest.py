import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from infnet_monai.lungs import KeepInChestd

AFFINE = np.array([[0, -5.0, 0, 0], [-2.0, 0, 0, 0], [0, 0, 10.0, 0], [0, 0, 0, 1]])  # axes P, L, S: 0.1 ml a voxel


def make_item():
    """A mask with a lesion in the chest and one outside."""
    chest = torch.zeros(1, 4, 3, 2, dtype=torch.uint8)
    chest[0, 1, 1], chest[0, 2, 1] = 1, 2
    pred = torch.zeros_like(chest)
    pred[0, 1, 1, 0] = pred[0, 3, 2, 1] = pred[0, 0, 0, 1] = 1
    probability = pred * 0.75
    item = {"chest": chest, "pred": pred, "probability": probability}
    return {key: MetaTensor(value, affine=torch.as_tensor(AFFINE)) for key, value in item.items()}


def test_mask_and_probability_are_kept_in_the_chest_only():
    item = KeepInChestd(["pred", "probability"])(make_item())

    assert item["pred"].nonzero().tolist() == [[0, 1, 1, 0]]
    assert item["pred"].dtype == torch.uint8
    assert item["probability"].nonzero().tolist() == [[0, 1, 1, 0]]
    assert item["pred"].meta["removed_outside_chest_ml"] == pytest.approx(0.2)


def test_a_mask_stored_in_other_axes_is_kept_where_the_chest_is():
    item = make_item()
    item["pred"] = MetaTensor(
        item["pred"].as_tensor().permute(0, 2, 1, 3).flip(1),  # axes R, P, S
        affine=torch.tensor([[5.0, 0, 0, -10], [0, -2, 0, 0], [0, 0, 10, 0], [0, 0, 0, 1]], dtype=torch.float64),
    )

    kept = KeepInChestd("pred")(item)["pred"]

    assert kept.nonzero().tolist() == [[0, 1, 1, 0]]


def test_nothing_is_removed_without_lungs():
    item = make_item()
    item["chest"] = item["chest"] * 0

    kept = KeepInChestd("pred")(item)["pred"]

    assert kept.sum() == 3
    assert kept.meta["removed_outside_chest_ml"] is None
