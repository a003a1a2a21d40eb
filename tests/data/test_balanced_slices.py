from collections import Counter

import pytest
import torch
from torch.utils.data import ConcatDataset

from infnet_monai.data import BalancedSlices, SliceDataset
from infnet_monai.errors import InputError


def dataset_of(lesion, empty):
    label = torch.zeros(1, 2, 2, lesion + empty)
    label[..., :lesion] = 1
    return SliceDataset([{"image": "a.nii"}], lambda item: {"image": label, "label": label})


def epoch(sampler, number):
    sampler.set_epoch(number)
    return list(sampler)


def test_default_epoch_draws_each_lesion_slice_once_and_slices_without_to_fill_the_fraction():
    sampler = BalancedSlices(dataset_of(10, 30), lesion_fraction=0.5)
    drawn = epoch(sampler, 1)
    assert len(sampler) == len(drawn) == 20
    assert sorted(position for position in drawn if position < 10) == list(range(10))
    assert len({position for position in drawn if position >= 10}) == 10


def test_rare_slices_are_repeated_equally_often():
    counts = Counter(epoch(BalancedSlices(dataset_of(3, 2), lesion_fraction=0.6, epoch_size=20), 1))
    assert [counts[position] for position in range(3)] == [4, 4, 4]
    assert [counts[position] for position in (3, 4)] == [4, 4]
    uneven = Counter(epoch(BalancedSlices(dataset_of(3, 2), lesion_fraction=0.5, epoch_size=8), 1))
    assert sorted(uneven[position] for position in range(3)) == [1, 1, 2]


def test_every_slice_without_lesion_is_drawn_in_some_epoch():
    sampler = BalancedSlices(dataset_of(4, 12), lesion_fraction=0.5)
    seen = {position for number in range(20) for position in epoch(sampler, number)}
    assert seen == set(range(16))


def test_order_follows_from_seed_and_epoch_alone():
    dataset = dataset_of(8, 8)
    undisturbed = [epoch(BalancedSlices(dataset, seed=3), number) for number in (1, 2)]
    torch.manual_seed(7)
    resumed = BalancedSlices(dataset, seed=3)
    assert epoch(resumed, 2) == undisturbed[1] != undisturbed[0]
    assert epoch(BalancedSlices(dataset, seed=4), 1) != undisturbed[0]
    assert epoch(BalancedSlices(dataset, seed=2), 2) != undisturbed[0]


def test_ranks_divide_an_epoch_evenly():
    dataset = dataset_of(5, 5)
    whole = epoch(BalancedSlices(dataset, epoch_size=9), 1)
    parts = [epoch(BalancedSlices(dataset, epoch_size=9, num_replicas=2, rank=rank), 1) for rank in (0, 1)]
    assert [len(part) for part in parts] == [4, 4]
    assert parts == [whole[0:8:2], whole[1:8:2]]


@pytest.mark.parametrize(("lesion", "empty"), [(6, 0), (0, 6)])
def test_one_kind_alone_fills_the_epoch(lesion, empty):
    sampler = BalancedSlices(dataset_of(lesion, empty))
    assert sorted(epoch(sampler, 1)) == list(range(6))


def test_parts_of_a_concatenated_data_set_keep_their_lesions():
    dataset = ConcatDataset([dataset_of(1, 2), dataset_of(2, 1)])
    sampler = BalancedSlices(dataset, lesion_fraction=0.5)
    assert sampler.lesion.tolist() == [0, 3, 4]
    assert sampler.empty.tolist() == [1, 2, 5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lesion_fraction": 0}, "lesion_fraction 0: expected a fraction above 0"),
        ({"lesion_fraction": 67}, "lesion_fraction 67"),
        ({"epoch_size": 1, "num_replicas": 2, "rank": 0}, "epoch_size 1: expected at least 2"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        BalancedSlices(dataset_of(2, 2), **options)
