"""Slices kept on disk are those kept in memory, and what is not theirs is made again."""

import logging
import subprocess
import sys

import numpy as np
import pytest
import torch
from monai.transforms import Compose, Lambdad, ScaleIntensityd
from torch.utils.data import DataLoader

from infnet_monai.data import LesionSlices, ScanPreprocessing, SliceDataset, load_datalist
from infnet_monai.errors import InputError
from infnet_monai.transforms import LoadScand

KEYS = ["image", "label"]


class Counting(LoadScand):
    calls = 0

    def __call__(self, item):
        Counting.calls += 1
        return super().__call__(item)


@pytest.fixture
def items(tiny_dataset):
    Counting.calls = 0
    return load_datalist(tiny_dataset, "training")


def same(one, two):
    return all(torch.equal(a[key], b[key]) for a, b in zip(one, two, strict=True) for key in KEYS)


def test_batches_are_those_without_a_cache(items, tmp_path):
    options = {"keys": KEYS, "sampler": LesionSlices()}
    plain = SliceDataset(items, Counting(KEYS), **options)
    for _ in range(2):
        cached = SliceDataset(items, Counting(KEYS), **options, cache_dir=tmp_path / "cache")
        assert cached.names() == plain.names()
        assert cached.has_lesion == plain.has_lesion
        for workers in (0, 2):
            assert same(DataLoader(plain, 3), DataLoader(cached, 3, num_workers=workers))
    assert Counting.calls == 2 * len(items)  # without a cache, and once with it


def test_other_transforms_rules_and_files_have_entries_of_their_own(items, tmp_path):
    def entries(*transforms, **options):
        SliceDataset(items[:1], Compose([Counting(KEYS), *transforms]), keys=KEYS, cache_dir=tmp_path, **options)
        return len(list(tmp_path.glob("*.pt")))

    assert [entries(), entries(), entries(ScaleIntensityd("image")), entries(positive_only=True)] == [1, 1, 2, 3]
    assert entries(ScaleIntensityd("image", maxv=2.0)) == 4
    with open(items[0]["image"], "rb") as file:
        content = file.read()
    with open(items[0]["image"], "wb") as file:
        file.write(content)
    assert entries() == 5


def damage(path, how):
    content = bytearray(path.read_bytes())
    if how == "cut off":
        content = content[: len(content) // 2]
    elif how == "one bit":
        content[len(content) // 2] ^= 1
    path.write_bytes(content if how != "empty" else b"")


@pytest.mark.parametrize("how", ["cut off", "one bit", "empty"])
def test_a_damaged_entry_is_made_again(items, tmp_path, how, caplog):
    one = SliceDataset(items[:1], Counting(KEYS), keys=KEYS)
    SliceDataset(items[:1], Counting(KEYS), keys=KEYS, cache_dir=tmp_path)
    (entry,) = tmp_path.glob("*.pt")
    damage(entry, how)
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        assert same(SliceDataset(items[:1], Counting(KEYS), keys=KEYS, cache_dir=tmp_path), one)
    assert Counting.calls == 3
    assert caplog.text.count("is made again") == 1


def test_an_entry_of_another_volume_is_made_again(items, tmp_path, caplog):
    plain = SliceDataset(items[:2], Counting(KEYS), keys=KEYS)
    SliceDataset(items[:2], Counting(KEYS), keys=KEYS, cache_dir=tmp_path)
    one, two = sorted(tmp_path.glob("*.pt"))
    one.write_bytes(two.read_bytes())
    assert same(SliceDataset(items[:2], Counting(KEYS), keys=KEYS, cache_dir=tmp_path), plain)
    assert "it is of another volume" in caplog.text


def test_the_preprocessing_of_bundles_is_the_same_in_another_process(items, tmp_path):
    program = (
        "import sys; from infnet_monai.data import ScanPreprocessing;"
        "from infnet_monai.data.slice_cache import SliceCache;"
        "print(SliceCache(sys.argv[1], [ScanPreprocessing((32, 32), masks=['label', 'edge'])])._makers)"
    )
    made = [
        subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert len(made[0]) == 65
    preprocessing = ScanPreprocessing((32, 32), lung_crop=False, masks=["label"])
    for _ in range(2):
        SliceDataset(items[:1], preprocessing, cache_dir=tmp_path)
    assert len(list(tmp_path.glob("*.pt"))) == 1


def test_a_folder_or_a_transform_that_cannot_be_used_is_one_line(items, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: cannot be used"):
        SliceDataset(items, Counting(KEYS), cache_dir=tmp_path / "file")
    with pytest.raises(InputError, match="not lambdas"):
        SliceDataset(items, Compose([Counting(KEYS), Lambdad("image", lambda x: x)]), cache_dir=tmp_path / "cache")


def test_slices_are_changed_in_place_without_changing_the_cache(items, tmp_path):
    dataset = SliceDataset(items[:1], Counting(KEYS), keys=KEYS, cache_dir=tmp_path)
    (entry,) = tmp_path.glob("*.pt")
    before = entry.read_bytes()
    dataset[0]["image"][:] = np.pi
    assert entry.read_bytes() == before
