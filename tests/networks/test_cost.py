import pytest
import torch

from infnet_monai.networks import InfNet, list_backbones
from infnet_monai.networks.cost import measure_model, measure_models


def test_res2net50_costs_what_its_authors_published():
    cost = measure_model("res2net50")
    assert cost.parameters_with_classifier_m == pytest.approx(33.12, abs=0.005)
    assert cost.gflop == pytest.approx(27.7, abs=0.05)
    assert cost.parameters_m == pytest.approx(33.12 - 2.05, abs=0.005)


def test_every_backbone_is_measured_by_default():
    costs = measure_models(image_size=64)
    assert [cost.backbone for cost in costs] == list_backbones()
    assert all(cost.parameters_m > 5 and cost.gflop > 0.1 for cost in costs)


def test_parameters_are_those_of_the_network():
    network = InfNet("test_resnet")
    cost = measure_models(["test_resnet"])[0]
    assert cost.parameters_m * 1e6 == sum(tensor.numel() for tensor in network.parameters())


def test_operations_grow_with_the_area():
    small, large = measure_model("resnet50", 64), measure_model("resnet50", 128)
    assert large.gflop == pytest.approx(4 * small.gflop)
    assert (small.image_size, large.image_size) == (64, 128)


def test_measuring_touches_no_random_numbers():
    before = torch.get_rng_state()
    measure_model("test_resnet", 64)
    assert torch.equal(torch.get_rng_state(), before)
