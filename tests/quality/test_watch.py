"""What is taken from a network while it runs, and that the network runs as before."""

import copy

import pytest
import torch
from monai.inferers import SimpleInferer, SliceInferer
from torch import nn

from infnet_monai.inference import FlipInferer
from infnet_monai.inference.optimize import prepare_for_inference
from infnet_monai.networks import InfNet
from infnet_monai.quality import MapCounts, NetworkWatch
from infnet_monai.quality.features import FeatureReference


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return prepare_for_inference(InfNet("resnet18"), "cpu", bf16=False)


@pytest.fixture(scope="module")
def images():
    return torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_counts_are_those_of_all_lesion_maps(network, images):
    with torch.no_grad(), NetworkWatch(network) as watch:
        network(images)
    with torch.no_grad():
        lesion_maps = network._decode(images)[0]
    quarter = [nn.functional.interpolate(one, size=(16, 16), mode="bilinear").sigmoid()[:, 0] for one in lesion_maps]
    counts = MapCounts()
    counts.add(torch.stack(quarter))
    assert len(quarter) == 4
    assert watch.signals() == counts.signals()


def test_logits_are_the_same_and_no_hook_is_left(network, images):
    with torch.no_grad():
        expected = network(images)
        with NetworkWatch(network):
            assert torch.equal(network(images), expected)
    assert not any(module._forward_hooks for module in network.modules())


def test_hooks_are_removed_after_an_error(network):
    with pytest.raises(ValueError, match="stop"), NetworkWatch(network):
        raise ValueError("stop")
    assert not any(module._forward_hooks for module in network.modules())


def test_folding_batch_norm_changes_no_signal(images):
    torch.manual_seed(0)
    plain = InfNet("resnet18").eval()
    signals = []
    for network in (plain, prepare_for_inference(copy.deepcopy(plain), "cpu", bf16=False)):
        with torch.no_grad(), NetworkWatch(network) as watch:
            network(images)
        signals.append(watch.signals())
    assert signals[0].agreement == pytest.approx(signals[1].agreement, abs=0.01)
    assert signals[0].slices == signals[1].slices == 4


def test_mirrored_slices_are_one_view_more_and_not_slices_of_their_own(network, images):
    inferer = FlipInferer(SliceInferer(roi_size=(64, 64), sw_batch_size=2, spatial_dim=2))
    volume = images.permute(1, 2, 3, 0)[None]
    with torch.no_grad(), NetworkWatch(network, flips=True) as watch:
        inferer(volume, network)
    signals = watch.signals()
    assert signals.slices == 4
    assert watch.slice_features()["content"].shape[0] == 4


def test_a_symmetric_slice_and_its_mirror_image_agree():
    network = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    image = torch.tensor([[[[5.0, -5, 5], [-5, 5, -5], [5, -5, 5], [5, 5, 5]]]]).repeat_interleave(4, 3)
    with torch.no_grad(), NetworkWatch(network, flips=True) as watch:
        FlipInferer(SimpleInferer())(image, network)
    assert watch.signals().agreement == 1


def test_a_network_without_encoder_gives_only_what_its_map_says():
    network = nn.Conv2d(1, 1, 1)
    with torch.no_grad(), NetworkWatch(network) as watch:
        network(torch.zeros(2, 1, 8, 8))
    signals = watch.signals()
    assert (signals.agreement, signals.image_distance) == (None, None)
    assert signals.slices == 2


def test_what_is_no_torch_network_gives_no_signals():
    with NetworkWatch(lambda image: image) as watch:
        pass
    assert watch.signals().slices == 0


def test_distances_are_those_of_the_slices_to_the_references(network, images):
    with torch.no_grad(), NetworkWatch(network) as watch:
        network(images)
    features = watch.slice_features()
    rows = torch.randn(20, features["image"].shape[1], generator=torch.Generator().manual_seed(2)).numpy()
    reference = FeatureReference.fit(rows)
    signals = watch.signals({"image": reference})
    assert signals.image_distance == pytest.approx(reference.distances(features["image"]).mean())
    assert signals.content_distance is None


def test_references_of_another_network_give_no_distance(network, images):
    with torch.no_grad(), NetworkWatch(network) as watch:
        network(images)
    reference = FeatureReference.fit(torch.randn(20, 7).numpy())
    assert watch.signals({"image": reference}).image_distance is None
