import torch
from monai.inferers import SliceInferer
from monai.transforms import Compose, NormalizeIntensityd, RepeatChanneld

from infnet_monai.inference import FlipInferer, SlabInferer

NORMALIZATION = [
    RepeatChanneld("image", 3),
    NormalizeIntensityd("image", subtrahend=[0.4, 0.5, 0.6], divisor=[0.2, 0.3, 0.4], channel_wise=True),
]


def test_logits_are_those_of_a_volume_normalised_as_a_whole():
    torch.manual_seed(0)
    network = torch.nn.Conv2d(3, 1, 3, padding=1)
    volume = torch.rand(1, 1, 8, 8, 11)
    inferer = FlipInferer(SliceInferer(roi_size=(8, 8), sw_batch_size=4, spatial_dim=2))
    whole = Compose(NORMALIZATION)({"image": volume[0]})["image"][None]
    with torch.no_grad():
        expected = inferer(whole, network)
        assert torch.equal(SlabInferer(inferer, NORMALIZATION, slices=4)(volume, network), expected)
        assert torch.equal(SlabInferer(inferer, NORMALIZATION, slices=64)(volume, network), expected)


def test_the_network_never_gets_more_than_a_batch_and_the_volume_stays_as_it_is():
    shapes, volume = [], torch.rand(1, 1, 4, 4, 10)
    before = volume.clone()

    def network(batch):
        shapes.append(tuple(batch.shape))
        return batch[:, :1]

    inferer = SlabInferer(SliceInferer(roi_size=(4, 4), sw_batch_size=4, spatial_dim=2), NORMALIZATION, slices=8)
    assert inferer(volume, network).shape == (1, 1, 4, 4, 10)
    assert shapes == [(4, 3, 4, 4), (4, 3, 4, 4), (2, 3, 4, 4)]
    assert torch.equal(volume, before)
