import shutil

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image
from tiny_cases import write_case
from tiny_semi import write_labelled, write_pictures

from infnet_monai.data import ScanPreprocessing
from infnet_monai.errors import InputError
from infnet_monai.semi.unlabelled import labelled_items
from infnet_monai.semi.unlabelled_slices import UnlabelledBatches, UnlabelledSlices

PREPROCESSING = ScanPreprocessing([32, 32], lung_crop=False)


def read(folder, **values):
    return UnlabelledSlices(folder, PREPROCESSING, **values)


def test_pictures_become_slices_in_zero_to_one_as_the_preprocessing_gives_them(tmp_path):
    folder = write_pictures(tmp_path / "pictures", count=3)
    slices = read(folder)
    assert len(slices) == 3
    assert [slices[k]["case"] for k in range(3)] == ["slice_0", "slice_1", "slice_2"]
    for position, path in enumerate(sorted(folder.iterdir())):
        expected = PREPROCESSING({"image": str(path)})["image"][..., 0]
        assert slices[position]["image"].shape == (1, 32, 32)
        assert (slices[position]["image"] - expected).abs().max() <= 0.5 / 255 + 1e-6


def test_slices_are_kept_as_bytes(tmp_path):
    slices = read(write_pictures(tmp_path / "pictures", count=3))
    assert slices._slices.dtype == torch.uint8
    assert slices._slices.nbytes == 3 * 32 * 32


def test_volumes_give_all_slices_or_some_evenly_spread(tmp_path):
    write_case(tmp_path, "scan", shape=(40, 48, 9))
    write_pictures(tmp_path / "pictures", count=1)
    shutil.copy(tmp_path / "pictures" / "slice_0.png", tmp_path / "images")
    assert len(read(tmp_path / "images")) == 10
    some = read(tmp_path / "images", slices_per_volume=3)
    assert [(some[k]["case"], some[k]["slice"]) for k in range(4)] == [
        ("scan", 1),
        ("scan", 4),
        ("scan", 7),
        ("slice_0", 0),
    ]


def test_pictures_stand_as_the_labelled_ones_or_as_a_rule_says(tmp_path):
    labelled = labelled_items(write_labelled(tmp_path / "labelled", axes="LP"))
    folder = tmp_path / "pictures"
    folder.mkdir()
    pixels = np.zeros((32, 32), np.uint8)
    pixels[:, :4] = 200  # on the left side of the picture
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(folder / name)
    slices = read(folder, labelled=labelled, axes="b.png=PL")
    assert slices[0]["image"][0, :4].mean() > 0.7  # rows run to the left: transposed
    assert slices[1]["image"][0, :, :4].mean() > 0.7


def test_a_labelled_picture_or_volume_among_the_unlabelled_is_refused(tmp_path):
    dataset = write_labelled(tmp_path / "labelled")
    folder = write_pictures(tmp_path / "pictures", count=2)
    shutil.copy(dataset / "images" / "3.png", folder / "copy.png")
    with pytest.raises(InputError, match=r"copy.png: the same picture as the labelled .*3.png"):
        read(folder, labelled=labelled_items(dataset))
    case = write_case(tmp_path / "volumes", "scan")
    with pytest.raises(InputError, match=r"scan.nii.gz: the same volume as the labelled"):
        read(tmp_path / "volumes" / "images", labelled=[{"image": tmp_path / "volumes" / case["image"]}])


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        (None, "unlabelled_dir is not given: name a folder"),
        ("nowhere", "nowhere: no such folder"),
        ("empty", "empty: is empty"),
        ("texts", "texts: holds no picture and no volume; expected unlabelled slices as .png, .jpg"),
    ],
)
def test_a_folder_that_is_no_use_is_refused_in_one_line(folder, message, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").touch()
    with pytest.raises(InputError, match=message) as error:
        read(folder and tmp_path / folder)
    assert "\n" not in str(error.value)


def test_volumes_of_unknown_intensities_are_refused(tmp_path):
    folder = tmp_path / "volumes"
    folder.mkdir()
    shifted = np.linspace(0, 2000, 10 * 10 * 3).reshape(10, 10, 3).astype(np.float32)
    nib.save(nib.Nifti1Image(shifted, np.eye(4)), folder / "shifted.nii.gz")
    with pytest.raises(InputError, match="neither HU"):
        read(folder)


def test_too_few_slices_per_volume_are_refused(tmp_path):
    with pytest.raises(InputError, match="slices_per_volume 0"):
        read(tmp_path, slices_per_volume=0)


def test_every_slice_comes_once_in_each_lap_in_another_order():
    batches = UnlabelledBatches(range(6), batch_size=2, seed=1)
    laps = [[p for step in range(3 * lap, 3 * lap + 3) for p in batches.positions(step)] for lap in range(3)]
    assert [sorted(lap) for lap in laps] == [list(range(6))] * 3
    assert laps[0] != laps[1] != laps[2]
    assert UnlabelledBatches(range(6), 2, seed=2).positions(0) != batches.positions(0)


def test_a_batch_may_cross_the_end_of_a_lap_and_be_larger_than_the_data():
    assert sorted(UnlabelledBatches(range(2), batch_size=5).positions(0)) in ([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])


def test_ranks_divide_the_slices_of_a_step(monkeypatch):
    parts = []
    for rank in range(2):
        monkeypatch.setattr("ignite.distributed.get_world_size", lambda: 2)
        monkeypatch.setattr("ignite.distributed.get_rank", lambda rank=rank: rank)
        parts.append([UnlabelledBatches(range(8), 2).positions(step) for step in range(2)])
    assert sorted(p for part in parts for step in part for p in step) == list(range(8))


def test_batches_are_the_same_whatever_steps_came_before(tmp_path):
    slices = read(write_pictures(tmp_path / "pictures", count=5))
    batches = UnlabelledBatches(slices, batch_size=2)
    whole = [batch["case"] for batch in batches(0, 6, seed=0)]
    assert [batch["case"] for batch in batches(4, 2, seed=9)] == whole[4:]
    assert len(whole) == 6


def test_an_empty_batch_is_refused():
    with pytest.raises(InputError, match="unlabelled_batch 0"):
        UnlabelledBatches(range(3), batch_size=0)
