import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import CropForegroundd, Orientation
from PIL import Image

from infnet_monai.errors import InputError
from infnet_monai.lungs import LungMaskd, LungRegion
from infnet_monai.phantom.phantom import make_phantom
from infnet_monai.scans import scan_from_array
from infnet_monai.transforms import LoadScand


@pytest.fixture(scope="module")
def chest():
    phantom = make_phantom(1, shape=(88, 72, 10), spacing_mm=(4.0, 4.0, 22.0))
    upright = Orientation(axcodes="PLS", labels=None)
    image, lung = (upright(scan_from_array(array, phantom.affine)) for array in (phantom.image, phantom.lung))
    return image, lung[0].numpy() > 0


def crop(item, **options):
    item = LungMaskd("image", **options)(item)
    keys = ["image", "label"]
    return CropForegroundd(keys, source_key="chest", select_fn=LungRegion(), allow_missing_keys=True)(item)


def test_scan_and_mask_are_cropped_alike_to_the_lungs_with_a_margin(chest):
    image, lung = chest
    label = MetaTensor(torch.as_tensor(lung)[None].float(), affine=image.affine)
    item = crop({"image": image, "label": label})
    assert item["image"].shape == item["label"].shape
    assert item["image"].shape[1] < 0.9 * image.shape[1]
    assert item["label"].sum() == lung.sum()  # nothing of the lungs is lost
    for axis, margin in ((1, 2), (2, 2), (3, 1)):  # 10 mm in voxels of 4, 4 and 22 mm
        others = tuple(other for other in (1, 2, 3) if other != axis)
        inside = np.flatnonzero(item["lungs"].any(axis=others[1]).any(axis=others[0]).numpy())
        assert item["image"].shape[axis] <= inside[-1] - inside[0] + 1 + 2 * margin


def test_no_lungs_are_sought_when_switched_off(chest):
    image, _ = chest
    item = crop({"image": image}, enabled=False)
    assert item["image"].shape == image.shape
    assert not item["lungs"].any()


def test_pictures_have_no_spacing_and_stay_whole(tmp_path, chest):
    image, _ = chest
    grey = ((image[0, ..., 5].numpy() + 1350) / 1500 * 255).clip(0, 255).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "slice.png")
    item = crop(LoadScand("image")({"image": tmp_path / "slice.png"}))
    assert item["image"].shape == (1, *grey.shape, 1)
    assert not item["lungs"].any()


def test_intensities_that_cannot_be_told_name_the_file():
    scan = scan_from_array(np.full((4, 4, 2), 2000.0), np.eye(4), name="odd.nii")
    with pytest.raises(InputError, match=r"odd\.nii: intensities from 2000 to 2000 are neither HU"):
        LungMaskd("image")({"image": scan})


def test_region_is_the_whole_scan_without_lungs_and_never_leaves_it():
    chest = MetaTensor(torch.zeros(1, 5, 5, 3), affine=torch.eye(4))
    assert LungRegion()(chest).all()
    chest[0, 0, 4, 2] = 2
    chest[0, 4] = 1  # the rim of the chest cavity does not widen the box
    assert int(LungRegion(margin_mm=1)(chest).sum()) == 2 * 2 * 2
