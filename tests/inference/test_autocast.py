import torch
from monai.inferers import SimpleInferer
from torch import nn

from infnet_monai.inference import AutocastInferer, supports_bf16
from infnet_monai.networks import InfNetMaps


class Probe(nn.Module):
    def __init__(self, maps):
        super().__init__()
        self.layer, self.maps, self.dtype = nn.Conv2d(1, 1, 1), maps, None

    def forward(self, x):
        y = self.layer(x)
        self.dtype = y.dtype
        return InfNetMaps(*[y] * 5) if self.maps else y


def test_network_runs_in_bf16_and_outputs_are_float32():
    for maps in (False, True):
        network = Probe(maps)
        output = AutocastInferer(SimpleInferer())(torch.ones(1, 1, 4, 4), network)
        assert network.dtype == torch.bfloat16
        assert isinstance(output, InfNetMaps if maps else torch.Tensor)
        assert (output.s_3 if maps else output).dtype == torch.float32


def test_switched_off_it_changes_nothing():
    network = Probe(maps=False)
    AutocastInferer(SimpleInferer(), enabled=False)(torch.ones(1, 1, 4, 4), network)
    assert network.dtype == torch.float32


def test_support_is_a_property_of_the_processor():
    flags = torch.backends.cpu.get_cpu_capability()
    assert supports_bf16("cpu") in (True, False)
    if flags in ("DEFAULT", "AVX2"):
        assert not supports_bf16("cpu")
