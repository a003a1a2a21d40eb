import pytest
import torch
from monai.data.utils import set_rnd
from monai.transforms import RandFlipd, RandShiftIntensityd, RepeatChanneld, ScaleIntensityRanged

from infnet_monai.errors import InputError
from infnet_monai.transforms import WeakAndStrongViews


def views(**values):
    weak = [RandFlipd("image", prob=0.5, spatial_axis=1)]
    strong = [RandShiftIntensityd("image", prob=1, offsets=0.5)]
    normalization = [RepeatChanneld("image", 3), ScaleIntensityRanged("image", 0, 1, -10, 10)]
    return WeakAndStrongViews(weak, strong, normalization, **values)


def test_strong_views_are_changes_of_the_weak_one_in_intensity_alone():
    image, seen = torch.rand(1, 4, 6), set()
    transform = views(strong_views=2)
    for seed in range(8):
        set_rnd(transform, seed)
        item = transform({"image": image, "case": "a", "slice": 3})
        weak, strong = (item["image"] + 10) / 20, (item["strong"] + 10) / 20
        assert weak.shape == (3, 4, 6)
        assert strong.shape == (2, 3, 4, 6)
        mirrored = not torch.allclose(weak[:1], image, atol=1e-5)
        seen.add(mirrored)
        assert torch.allclose(weak[:1], image.flip(-1) if mirrored else image, atol=1e-5)
        shifts = (strong - weak).flatten(1)
        assert torch.allclose(shifts, shifts[:, :1].expand_as(shifts), atol=1e-5)
        assert abs(shifts[0, 0] - shifts[1, 0]) > 1e-4
        assert (item["case"], item["slice"]) == ("a", 3)
    assert seen == {True, False}


def test_the_slice_itself_stays_as_it_is():
    image = torch.rand(1, 4, 6)
    before = image.clone()
    views()({"image": image})
    assert torch.equal(image, before)


def test_no_strong_view_is_refused():
    with pytest.raises(InputError, match="strong_views 0"):
        views(strong_views=0)
