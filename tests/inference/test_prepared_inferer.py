import copy
import gc

import pytest
import torch
from monai.inferers import SimpleInferer

from infnet_monai.inference import AutocastInferer, PreparedInferer
from infnet_monai.inference.optimize import prepare_for_inference
from infnet_monai.networks import InfNet


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return InfNet("resnet18").eval()


@pytest.fixture(scope="module")
def image():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bf16", [False, True])
def test_runs_the_network_as_own_inference_does(network, image, bf16):
    inferer = AutocastInferer(SimpleInferer(), enabled=bf16)
    expected = inferer(image, prepare_for_inference(copy.deepcopy(network), "cpu", bf16))
    assert torch.equal(PreparedInferer(inferer, bf16)(image, network), expected)


def test_given_network_stays_as_it_was(network, image):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    PreparedInferer(SimpleInferer(), bf16=False)(image, network)
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_network_is_prepared_once_and_forgotten_with_it(network, image):
    inferer, own = PreparedInferer(SimpleInferer()), copy.deepcopy(network)
    inferer(image, own)
    (prepared,) = inferer._prepared.values()
    inferer(image, own)
    assert list(inferer._prepared.values()) == [prepared]
    del own
    gc.collect()
    assert not inferer._prepared


def test_prepared_network_is_used_as_it_is(network, image):
    inferer, prepared = PreparedInferer(SimpleInferer()), prepare_for_inference(copy.deepcopy(network), "cpu", False)
    assert torch.equal(inferer(image, prepared), prepared(image))
    assert not inferer._prepared
