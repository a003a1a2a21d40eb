import pytest
import torch

from infnet_monai.errors import InputError
from infnet_monai.transforms import PairCutMix


def numbered(count=3, channels=2, size=(20, 30)):
    """Slices whose pixels all have the number of the slice."""
    return torch.arange(float(count)).view(-1, 1, 1, 1).expand(count, channels, *size)


def mixing(prob, seed=0):
    cutmix = PairCutMix(prob)
    cutmix.set_random_state(seed)
    return cutmix


def test_each_slice_gets_one_box_of_the_next_in_image_and_probability_alike():
    for seed in range(20):
        images, probability = mixing(1.0, seed)(numbered(), numbered(channels=1))
        assert torch.equal(images[:, :1], probability)
        for row, slice_ in enumerate(images[:, 0]):
            assert set(slice_.unique().tolist()) == {row, (row + 1) % 3}
            box = (slice_ != row).nonzero()
            (top, left), (bottom, right) = box.min(0).values.tolist(), box.max(0).values.tolist()
            assert len(box) == (bottom - top + 1) * (right - left + 1) <= 0.5 * slice_.numel()


def test_no_slice_is_changed_at_probability_zero_and_the_input_never():
    images = numbered().clone()
    assert torch.equal(mixing(0.0)(images, images[:, :1])[0], images)
    mixing(1.0)(images, images[:, :1])
    assert torch.equal(images, numbered())


def test_a_single_slice_stays_as_it_is():
    image = torch.rand(1, 1, 8, 8)
    assert torch.equal(mixing(1.0)(image, image)[0], image)


def test_the_same_seed_gives_the_same_boxes():
    one, again, other = (mixing(0.7, seed)(numbered(), numbered(channels=1))[0] for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_probability_beyond_one_is_refused():
    with pytest.raises(InputError, match="cutmix_probability 2"):
        PairCutMix(2)
