import pytest
import torch

from infnet_monai.benchmarks.inference import measure_inference
from infnet_monai.networks import InfNet

QUICK = {"slices": 2, "repeats": 1, "image_size": 64, "training_steps": 2}


def test_both_ways_are_measured_on_the_same_weights():
    plain, bundle = measure_inference("efficientnet_lite0", **QUICK)
    assert (plain.way, bundle.way) == ("plain", "bundle")
    assert plain.speed_up == 1
    assert bundle.speed_up == pytest.approx(plain.ms_per_slice / bundle.ms_per_slice)
    assert plain.dice == 1
    assert 0 < plain.lesion_pixels < 2 * 64 * 64


def test_means_are_added_one_by_one_and_fp32_changes_nothing(tmp_path):
    torch.manual_seed(1)
    torch.save(InfNet("efficientnet_lite0").state_dict(), tmp_path / "model.pt")
    costs = {
        cost.way: cost for cost in measure_inference("efficientnet_lite0", tmp_path / "model.pt", means=True, **QUICK)
    }
    assert len(costs) == 7
    assert costs["the bundle in fp32"].lesion_pixels == costs["plain"].lesion_pixels
    assert costs["the bundle in fp32"].dice == 1
