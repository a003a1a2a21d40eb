import pytest
import torch

from infnet_monai.data import LesionAndEmptySlices, SliceDataset
from infnet_monai.errors import InputError


def volume(lesion, depth):
    label = torch.zeros(depth, 1, 4, 4, dtype=torch.uint8)
    label[list(lesion), 0, 2, 2] = 1
    return {"image": torch.zeros(depth, 1, 4, 4), "label": label}


def test_all_lesion_slices_and_half_as_many_without_are_kept_over_the_whole_volume():
    kept = LesionAndEmptySlices(ratio=0.5, at_least=0).choose(volume(range(10, 20), 41))
    assert [position for position in kept if 10 <= position < 20] == list(range(10, 20))
    without = [position for position in kept if not 10 <= position < 20]
    assert without == [0, 8, 25, 32, 40]


@pytest.mark.parametrize(("depth", "kept"), [(3, [0, 1, 2]), (9, [0, 4, 8]), (1, [0])])
def test_of_a_healthy_volume_the_least_number_is_kept(depth, kept):
    assert LesionAndEmptySlices(at_least=3).choose(volume([], depth)) == kept


def test_a_single_slice_with_lesion_takes_part():
    assert LesionAndEmptySlices().choose(volume([0], 1)) == [0]
    assert LesionAndEmptySlices(ratio=0, at_least=1).choose(volume([0], 4)) == [0, 2]
    assert LesionAndEmptySlices(ratio=0, at_least=0).choose(volume([0], 4)) == [0]


def test_negative_numbers_are_refused():
    with pytest.raises(InputError, match="ratio -1, at_least 8: expected numbers of slices"):
        LesionAndEmptySlices(ratio=-1)


def test_weight_of_an_item_repeats_its_slices_without_their_memory():
    items = [{"image": "a.nii", "weight": 3}, {"image": "b.nii"}]

    def transform(item):
        return {key: stack.movedim(0, -1) for key, stack in volume([1], 2).items()}

    dataset = SliceDataset(items, transform)
    assert len(dataset) == 8
    assert [(dataset[k]["case"], dataset[k]["slice"]) for k in (0, 1, 2, 5, 6)] == [
        ("a", 0), ("a", 1), ("a", 0), ("a", 1), ("b", 0),
    ]  # fmt: skip
    assert dataset.has_lesion == [False, True] * 4
    assert [len(kept["image"]) for kept in dataset.volumes] == [2, 2]
    for weight in (0, 1.5, "2"):
        with pytest.raises(InputError, match=r"a: weight .* is no whole number from 1"):
            SliceDataset([{"image": "a.nii", "weight": weight}], transform)
