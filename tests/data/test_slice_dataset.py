import pytest
import torch
from monai.data import MetaTensor
from torch.utils.data import DataLoader, DistributedSampler

from infnet_monai.data import AllSlices, LesionSlices, SliceDataset, SliceSampler, case_name, load_datalist
from infnet_monai.errors import InputError
from infnet_monai.transforms import LoadScand


def volumes(item):
    depth = item["depth"]
    image = torch.arange(depth).float().expand(1, 4, 6, depth)
    label = (image > 1).to(torch.uint8)
    return {"image": MetaTensor(image), "label": label, "unused": 0}


DATA = [{"image": "a/one.nii.gz", "depth": 3}, {"image": "a/two.mha", "depth": 5}]


def test_indices_run_over_the_slices_of_all_volumes():
    dataset = SliceDataset(DATA, volumes)
    assert len(dataset) == 8
    assert [(dataset[k]["case"], dataset[k]["slice"]) for k in (0, 2, 3, 7)] == [
        ("one", 0),
        ("one", 2),
        ("two", 0),
        ("two", 4),
    ]
    assert dataset[5]["image"].shape == (1, 4, 6)
    assert (dataset[5]["image"] == 2).all()
    assert set(dataset[0]) == {"image", "label", "case", "slice"}


def test_positive_only_keeps_slices_with_lesion():
    dataset = SliceDataset(DATA, volumes, positive_only=True)
    assert [(dataset[k]["case"], dataset[k]["slice"]) for k in range(len(dataset))] == [
        ("one", 2),
        ("two", 2),
        ("two", 3),
        ("two", 4),
    ]


def test_volumes_are_transformed_once_and_slices_each_time():
    calls = {"volume": 0, "slice": 0}

    def count_volume(item):
        calls["volume"] += 1
        return volumes(item)

    def count_slice(item):
        calls["slice"] += 1
        return {**item, "image": item["image"] + 10}

    dataset = SliceDataset(DATA, count_volume, count_slice)
    assert (dataset[0]["image"] == 10).all()
    assert (dataset[0]["image"] == 10).all()
    assert calls == {"volume": 2, "slice": 2}


def test_shuffles_and_partitions_like_any_map_style_dataset():
    dataset = SliceDataset(DATA, volumes)
    seen = [c for batch in DataLoader(dataset, batch_size=3, shuffle=True) for c in batch["case"]]
    assert sorted(seen) == ["one"] * 3 + ["two"] * 5
    halves = [list(DistributedSampler(dataset, num_replicas=2, rank=rank)) for rank in (0, 1)]
    assert sorted(halves[0] + halves[1]) == list(range(8))


def test_nothing_to_cut_is_refused():
    with pytest.raises(InputError, match="data list is empty"):
        SliceDataset([], volumes)
    with pytest.raises(InputError, match="no slice with a lesion"):
        SliceDataset([{"image": "a.nii", "depth": 2}], volumes, positive_only=True)


def test_reads_a_data_set_from_disk(tiny_dataset):
    dataset = SliceDataset(
        load_datalist(tiny_dataset, "training"), LoadScand(["image", "label"]), positive_only=True, progress=True
    )
    assert len(dataset) == 8
    assert dataset[0]["label"].sum() == 12 * 16


def slices_of(dataset):
    return [(item["case"], item["slice"]) for item in (dataset[k] for k in range(len(dataset)))]


def test_only_kept_slices_stay_in_memory():
    dataset = SliceDataset(DATA, volumes, positive_only=True)
    assert [len(volume["image"]) for volume in dataset.volumes] == [1, 3]
    slice_bytes = 4 * 4 * 6
    stored = [volume["image"].untyped_storage().nbytes() for volume in dataset.volumes]
    assert stored == [slice_bytes, 3 * slice_bytes]
    assert [int(dataset[k]["image"][0, 0, 0]) for k in range(4)] == [2, 2, 3, 4]


class Last(SliceSampler):
    """A throw-away rule: the last slice, twice."""

    def choose(self, volume):
        return [len(volume["image"]) - 1] * 2


def test_rule_for_choosing_slices_is_one_class():
    dataset = SliceDataset(DATA, volumes, sampler=Last(), positive_only=True)
    assert slices_of(dataset) == [("one", 2), ("one", 2), ("two", 4), ("two", 4)]
    assert isinstance(dataset.sampler, Last)


def test_rule_is_applied_to_more_items():
    dataset = SliceDataset(DATA[:1], volumes, lambda item: {**item, "seen": True}, positive_only=True)
    more = dataset.of_items([{"image": "b/three.nii", "depth": 4}])
    assert slices_of(more) == [("three", 2), ("three", 3)]
    assert more[0]["seen"]
    assert slices_of(dataset) == [("one", 2)]
    assert len(dataset.of_items([{"image": "b/healthy.nii", "depth": 2}])) == 0


def test_switch_of_the_bundles_names_a_rule():
    assert isinstance(SliceDataset(DATA, volumes).sampler, AllSlices)
    assert isinstance(SliceDataset(DATA, volumes, positive_only=True).sampler, LesionSlices)


def test_rule_that_keeps_nothing_is_named():
    class Never(SliceSampler):
        def choose(self, volume):
            return []

    with pytest.raises(InputError, match="Never keeps no slice of the data list: choose another sampler"):
        SliceDataset(DATA, volumes, sampler=Never())


def test_case_name():
    assert [case_name(p) for p in ("x/a.nii.gz", "b.c.nii", "d.png")] == ["a", "b.c", "d"]
