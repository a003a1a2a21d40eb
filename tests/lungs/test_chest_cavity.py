"""Dense lungs and bases stay in the crop and in the chest cavity; the outside of the patient and bowel do not."""

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from scipy import ndimage

from infnet_monai.lungs import LungMaskd, LungRegion, find_lungs
from infnet_monai.lungs.sides import label_sides
from infnet_monai.phantom.phantom import make_phantom
from infnet_monai.scans import scan_from_array

WHITE_HU = 40


@pytest.fixture(scope="module", params=[0, 1])
def chest(request):
    """Intensities in HU (H, W, D), its lungs by side, and its affine, oriented PLS."""
    phantom = make_phantom(request.param, shape=(128, 104, 56), spacing_mm=(2.8, 2.8, 4.0))
    there = ornt_transform(io_orientation(phantom.affine), axcodes2ornt("PLS"))
    image, lung = (nib.Nifti1Image(a, phantom.affine).as_reoriented(there) for a in (phantom.image, phantom.lung))
    return np.asarray(image.dataobj), label_sides(np.asarray(lung.dataobj) > 0), image.affine


def base(sides, fraction):
    """The lowest part of both lungs."""
    below = (sides > 0).sum(axis=(0, 1)).cumsum()
    return (sides > 0) & (below < fraction * below[-1])


DENSE = {
    "left lung": (lambda sides: sides == 2, 0.95, 0.998),
    "right lung": (lambda sides: sides == 1, 0.95, 0.998),
    "lowest quarter": (lambda sides: base(sides, 0.25), 0.95, 0.998),
    "lowest 40 %": (lambda sides: base(sides, 0.4), 0.90, 0.998),
    "lower half of the left lung": (lambda sides: (sides == 2) & base(sides, 0.5), 0.95, 0.998),
}


@pytest.mark.parametrize("part", DENSE)
def test_dense_lung_stays_in_the_crop_and_in_the_chest(chest, part):
    image, sides, affine = chest
    choose, least_in_box, least_in_chest = DENSE[part]
    dense = choose(sides)
    scan = scan_from_array(np.where(dense, WHITE_HU, image), affine)

    item = LungMaskd("image")({"image": scan})

    assert LungRegion()(item["chest"])[0].numpy()[dense].mean() >= least_in_box
    assert (item["chest"][0].numpy()[dense] > 0).mean() >= least_in_chest


def test_a_dense_lung_is_said_in_the_warnings_of_the_image(chest):
    image, sides, affine = chest
    scan = scan_from_array(np.where(sides == 2, WHITE_HU, image), affine)

    warnings = LungMaskd("image")({"image": scan})["image"].meta["warnings"]

    assert any(warning.startswith("the left lung was") for warning in warnings)


def test_the_crop_of_a_healthy_chest_does_not_grow(chest):
    image, _, affine = chest
    item = LungMaskd("image")({"image": scan_from_array(image, affine)})
    lungs = MetaTensor(torch.where(item["lungs"] > 0, 2, 0), affine=item["lungs"].affine)

    assert LungRegion()(item["chest"]).sum() <= 1.03 * LungRegion()(lungs).sum()


def test_the_surroundings_and_the_abdomen_are_no_chest(chest):
    image, _, affine = chest
    spacing_mm = tuple(nib.affines.voxel_sizes(affine))
    body = ndimage.binary_fill_holes(image[..., 0] > -500)
    abdomen = np.repeat(np.where(body, WHITE_HU, image[..., 0])[..., np.newaxis], 20, axis=2)
    longer = np.concatenate([abdomen, image], axis=2)
    gas = (slice(40, 50), slice(70, 85), slice(2, 8))
    longer[gas] = -1000

    found = find_lungs(longer, spacing_mm)

    assert not found.chest[:2].any()  # in front of the patient
    assert not found.chest[..., : 20 - 4].any()  # more than the rim below the lungs
    assert (found.chest[found.mask] == 2).all()


def test_bowel_gas_beside_the_lungs_is_no_chest():
    rows, columns = np.mgrid[:104, :128]
    slices = np.full((104, 128, 20), -1000)
    slices[(((rows - 52) / 44) ** 2 + ((columns - 64) / 58) ** 2 <= 1)] = WHITE_HU
    for column in (34, 94):
        slices[(((rows - 52) / 30) ** 2 + ((columns - column) / 18) ** 2 <= 1)] = -850
    stomach = ((rows - 40) / 9) ** 2 + ((columns - 64) / 9) ** 2 <= 1
    slices[stomach, :4] = -1000

    chest = find_lungs(slices, (2.8, 2.8, 8.0)).chest

    assert not chest[stomach, :4].any()
    assert chest[stomach, 8:].all()


@pytest.mark.parametrize("case", [1, 2, 7, 8, 9])
def test_lesions_of_real_scans_are_in_the_chest(test_data, case):
    def read(kind):
        image = nib.load(test_data / f"medseg_volumes/{kind}/medseg_{case}.nii.gz")
        image = image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt("PLS")))
        return np.asanyarray(image.dataobj), image.header.get_zooms()

    image, spacing_mm = read("images")
    lesion = read("infection")[0] > 0

    assert (find_lungs(image, spacing_mm, "grey").chest[lesion] == 0).mean() < 0.005


@pytest.mark.parametrize("slices", [slice(5, 6), slice(None, None, 14), slice(0, 2)])
def test_few_and_thick_slices_have_a_chest(chest, slices):
    image, _, _ = chest
    thick_mm = 4.0 * (slices.step or 1)

    found = find_lungs(image[..., slices], (2.8, 2.8, thick_mm))

    assert found.chest.shape == image[..., slices].shape
    assert (found.chest[found.mask] == 2).all()


def test_a_narrow_field_of_view_has_a_chest(chest):
    image, _, _ = chest

    found = find_lungs(image[30:80, 15:64], (2.8, 2.8, 4.0))

    assert found.found
    assert (found.chest[found.mask] == 2).all()
