import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Invertd, NormalizeIntensityd, RepeatChanneld
from tiny_cases import write_case

from infnet_monai.data import ScanPreprocessing
from infnet_monai.transforms import RestoreMapd

SIZE = (32, 24)


@pytest.fixture
def item(tmp_path):
    """A scan of 40 x 48 x 5 voxels with its mask, on other axes than slices upright."""
    paths = {key: tmp_path / path for key, path in write_case(tmp_path, "case").items()}
    for path in paths.values():
        volume = nib.load(path)
        nib.save(volume.as_reoriented(np.array([[2, -1], [0, 1], [1, 1]])), path)
    return {key: str(path) for key, path in paths.items()}


def test_masks_go_with_the_image_and_references_stay_on_the_grid_of_the_file(item):
    shape = nib.load(item["label"]).shape
    moved = ScanPreprocessing(SIZE, masks=("label", "edge"))(item)
    assert moved["image"].shape == moved["label"].shape == (1, *SIZE, 5)
    assert moved["label"].dtype == torch.uint8
    assert "edge" not in moved
    kept = ScanPreprocessing(SIZE, references=("label",))(item)
    assert kept["label"].shape == (1, *shape)
    assert torch.equal(kept["image"], moved["image"])
    assert set(kept["label"].unique().tolist()) == {0, 1}


def test_image_is_undone_to_the_voxels_of_the_file(item):
    steps = ScanPreprocessing(SIZE, normalization=[RepeatChanneld("image", 3), NormalizeIntensityd("image", 0.5, 0.5)])
    prepared = steps(item)
    assert prepared["image"].shape == (3, *SIZE, 5)
    assert prepared["image"].min() >= -1
    prediction = {"image": prepared["image"], "pred": MetaTensor(prepared["image"][:1].as_tensor())}
    restored = Invertd("pred", steps, orig_keys="image", nearest_interp=False, to_tensor=True)(prediction)["pred"]
    assert restored.shape == (1, *nib.load(item["image"]).shape)
    bright = np.asarray(nib.load(item["label"]).dataobj) > 0
    assert restored[0].numpy()[bright].mean() > restored[0].numpy()[~bright].mean() + 0.2


@pytest.mark.parametrize("keep", [True, False])
def test_lungs_are_left_out_unless_asked_for(item, keep):
    prepared = ScanPreprocessing(SIZE, lung_crop=False, keep_lungs=keep)(item)
    assert ("lungs" in prepared) == keep
    if keep:
        assert prepared["lungs"].shape == (1, 48, 40, 5)
        assert not prepared["lungs"].any()


def test_steps_are_a_flat_sequence():
    names = [type(step).__name__ for step in ScanPreprocessing(SIZE, references=("label",)).transforms]
    assert names == [
        *("LoadScand", "CheckSameGridd", "LesionMaskd", "Orientationd", "LungMaskd"),
        *("CheckIntensitiesd", "CropForegroundd", "LungWindowd", "Resized", "DeleteItemsd"),
    ]


def test_restoring_a_map_is_invertd_to_the_last_bit_and_takes_the_map_out_of_the_item(item):
    steps = ScanPreprocessing(SIZE)
    image = steps(item)["image"]
    chances = torch.rand(image.shape, generator=torch.Generator().manual_seed(0))
    inverted = Invertd("pred", steps, orig_keys="image", nearest_interp=False, to_tensor=True)(
        {"image": image, "pred": MetaTensor(chances.clone())}
    )["pred"]
    given = {"image": image, "pred": chances.clone()}
    restored = RestoreMapd("pred", steps)(given)
    assert torch.equal(restored["pred"].as_tensor(), inverted.as_tensor())
    assert torch.equal(restored["pred"].affine, inverted.affine)
    assert set(given) == {"image"}
    assert restored["image"] is image
