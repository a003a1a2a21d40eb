import pytest
import torch

from infnet_monai.errors import InputError
from infnet_monai.networks import InfNet, InfNetMaps


def test_maps_are_the_same_kind_in_train_and_eval():
    network = InfNet("test_resnet")
    image = torch.randn(2, 3, 64, 64)
    assert isinstance(network(image), InfNetMaps)
    network.eval()
    with torch.no_grad():
        maps, logits = network.maps(image), network(image)
    assert isinstance(maps, InfNetMaps)
    assert torch.equal(maps.s_3, logits)


@pytest.mark.parametrize(
    ("stages", "names"),
    [
        (1, ("s_g", "s_5", "s_edge")),
        (2, ("s_g", "s_5", "s_4", "s_edge")),
        (3, ("s_g", "s_5", "s_4", "s_3", "s_edge")),
        (4, ("s_g", "s_5", "s_4", "s_3", "s_2", "s_edge")),
    ],
)
def test_reverse_attention_stages_add_maps(stages, names):
    network = InfNet("test_resnet", reverse_attention_stages=stages)
    image = torch.randn(2, 3, 40, 56)
    maps = network(image)
    assert maps._fields == names
    assert {tuple(logits.shape) for logits in maps} == {(2, 1, 40, 56)}
    sum(logits.mean() for logits in maps).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    network.eval()
    assert torch.equal(network(image), network.maps(image)[-2])


@pytest.mark.parametrize("stages", [0, 5, -1])
def test_other_numbers_of_stages_are_refused(stages):
    with pytest.raises(InputError, match=f"reverse_attention_stages must be 1, 2, 3 or 4, got {stages}"):
        InfNet("test_resnet", reverse_attention_stages=stages)


def test_channels_of_input_map_and_decoder_are_chosen():
    network = InfNet("test_resnet", in_channels=1, out_channels=3, decoder_channels=16)
    maps = network(torch.randn(2, 1, 64, 64))
    assert [logits.shape[1] for logits in maps] == [3, 3, 3, 3, 1]
    assert network.partial_decoder.refine.conv.out_channels == 3 * 16


def test_more_decoder_channels_cost_parameters():
    narrow, wide = InfNet("test_resnet", decoder_channels=16), InfNet("test_resnet", decoder_channels=32)
    assert count(narrow.receptive_fields) < count(wide.receptive_fields)
    assert count(narrow.reverse_attentions) == count(wide.reverse_attentions)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.filterwarnings(r"ignore:`torch\.jit")
def test_small_image_is_answered_with_the_size_to_pad_to_in_script_too():
    network = InfNet("test_resnet").eval()
    image = torch.zeros(1, 3, 20, 64)
    with pytest.raises(ValueError, match="20 x 64 pixels: pad it to 32 x 64"):
        network(image)
    with pytest.raises(torch.jit.Error, match="20 x 64 pixels: pad it to 32 x 64"):
        torch.jit.script(network)(image)


def test_trained_network_depends_on_neither_batch_nor_neighbours():
    network = InfNet("test_resnet").eval()
    images = torch.randn(3, 3, 64, 64)
    with torch.no_grad():
        together, alone = network(images), torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
