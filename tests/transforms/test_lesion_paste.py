import pytest
import torch

from infnet_monai.errors import InputError
from infnet_monai.transforms import LesionPaste, lung_pixels


def chest(count=1):
    """Air around a body of 40 x 40 pixels with two lungs; three channels."""
    image = torch.zeros(count, 3, 48, 48)
    image[..., 4:44, 4:44] = 0.9
    image[..., 10:38, 8:22] = image[..., 10:38, 26:40] = 0.2
    return image


def donor():
    """A chest with a lesion of grey level 0.6 in each lung, and its mask."""
    image, mask = chest(), torch.zeros(1, 1, 48, 48, dtype=torch.uint8)
    mask[..., 14:30, 10:20] = mask[..., 14:30, 28:38] = 1
    return torch.where(mask > 0, 0.6, image), mask


def paste(prob=1.0, seed=0, images=None, masks=None):
    images = chest(4) if images is None else images
    lesions, own_masks = donor()
    pasting = LesionPaste(prob)
    pasting.set_random_state(seed)
    zero = torch.zeros(len(images), 1, 48, 48)
    return pasting(images, zero, lung_pixels(images), lesions, own_masks if masks is None else masks)


def test_lungs_are_dark_and_the_air_around_the_patient_is_none():
    lungs = lung_pixels(chest())
    assert lungs.shape == (1, 1, 48, 48)
    assert lungs.sum() == 2 * 28 * 14
    assert lungs[0, 0, 20, 12]
    assert not lungs[0, 0, 0, 0]


def test_lungs_do_not_depend_on_the_scale_of_the_intensities():
    assert torch.equal(lung_pixels(chest() * 4 - 2), lung_pixels(chest()))


def test_pasted_pixels_are_lesion_in_image_and_probability_and_all_in_the_lungs():
    images, probability = paste()
    pasted = probability > 0
    assert all(slice_.any() for slice_ in pasted)
    assert set(probability.unique().tolist()) == {0, 1}
    assert not (pasted & ~lung_pixels(chest(4))).any()
    assert torch.equal(images[~pasted.expand_as(images)], chest(4)[~pasted.expand_as(images)])
    changed = (images != chest(4)).any(dim=1, keepdim=True)
    assert (changed & pasted).sum() > 0.95 * pasted.sum()
    assert len({tuple(slice_.flatten().tolist()) for slice_ in pasted}) == 4  # each slice has a map of its own


def test_nothing_is_pasted_at_probability_zero_or_without_a_lesion():
    for values in ({"prob": 0.0}, {"masks": torch.zeros(1, 1, 48, 48)}):
        images, probability = paste(**values)
        assert torch.equal(images, chest(4))
        assert not probability.any()


def test_the_inputs_stay_as_they_are_and_a_seed_gives_the_same_lesions():
    images = chest(4)
    one = paste(seed=3, images=images)[1]
    assert torch.equal(images, chest(4))
    assert torch.equal(one, paste(seed=3)[1])
    assert not torch.equal(one, paste(seed=4)[1])


def test_a_negative_probability_is_refused():
    with pytest.raises(InputError, match="paste_probability -1"):
        LesionPaste(-1)
