import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from infnet_monai.lungs.lung_mask import find_lungs
from infnet_monai.scans.load import load_scan

SPACING_MM = (4.0, 4.0, 8.0)
AIR, LUNG, TISSUE = -1000, -850, 40
ROWS, COLUMNS = np.mgrid[:70, :90]


def ellipse(row, column, half_height, half_width):
    return ((ROWS - row) / half_height) ** 2 + ((COLUMNS - column) / half_width) ** 2 <= 1


RIGHT_LUNG, LEFT_LUNG = ellipse(33, 28, 17, 11), ellipse(33, 62, 17, 11)
TRACHEA = ellipse(30, 45, 2.5, 2.5)


def make_chest(slices=4):
    """Body with two lungs and a windpipe on a table; the patient's right is on the left, as in an upright slice."""
    chest = np.full(ROWS.shape, AIR)
    chest[64:67, 10:80] = TISSUE
    chest[ellipse(34, 45, 25, 38)] = TISSUE
    chest[RIGHT_LUNG | LEFT_LUNG] = LUNG
    chest[TRACHEA] = AIR
    return np.repeat(chest[..., np.newaxis], slices, axis=2)


def window(hu):
    """Grey levels of a lung window from -1350 to 150 HU."""
    return np.clip((hu + 1350) / 1500 * 255, 0, 255).astype(np.uint8)


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("intensity", ["hu", "grey"])
@pytest.mark.parametrize("slices", [1, 4])
def test_right_and_left_lung_are_found_without_the_windpipe(intensity, slices):
    chest = make_chest(slices)

    labels = find_lungs(chest if intensity == "hu" else window(chest), SPACING_MM, intensity).labels

    assert labels.shape == chest.shape
    assert labels.dtype == np.uint8
    for k in range(slices):
        np.testing.assert_array_equal(labels[..., k] == 1, RIGHT_LUNG)
        np.testing.assert_array_equal(labels[..., k] == 2, LEFT_LUNG)


def test_vessels_and_small_consolidations_count_as_lung_and_a_liver_dome_does_not():
    chest = make_chest()
    vessel, consolidation, dome = ellipse(30, 28, 2, 2), ellipse(41, 28, 3.2, 2.2), ellipse(33, 62, 8, 6)
    chest[vessel | consolidation | dome] = TISSUE

    mask = find_lungs(chest, SPACING_MM).mask[..., 1]

    assert mask[vessel].all()
    assert mask[consolidation].all()
    assert not mask[dome].any()


def test_lungs_that_touch_are_parted():
    chest = make_chest()
    chest[20:22, 34:56] = LUNG  # lungs meet in front of the heart

    labels = find_lungs(chest, SPACING_MM).labels[..., 1]

    assert dice(labels == 1, RIGHT_LUNG) > 0.94
    assert dice(labels == 2, LEFT_LUNG) > 0.94


def test_lungs_cut_by_the_border_of_the_image_are_kept():
    cropped = make_chest()[20:46, 28:62]

    labels = find_lungs(cropped, SPACING_MM).labels[..., 1]

    np.testing.assert_array_equal(labels == 1, RIGHT_LUNG[20:46, 28:62])
    np.testing.assert_array_equal(labels == 2, LEFT_LUNG[20:46, 28:62])


def test_lungs_cut_by_the_circle_of_reconstruction_are_kept():
    chest = make_chest()
    outside = ~ellipse(34, 45, 24, 24)
    chest[outside] = -3024

    mask = find_lungs(chest, SPACING_MM).mask[..., 1]

    assert dice(mask, (RIGHT_LUNG | LEFT_LUNG) & ~outside) > 0.85


def test_fine_pixels_give_the_same_lungs_on_the_same_grid():
    fine = np.kron(make_chest(), np.ones((4, 4, 1), dtype=int))[:-1, :-3]  # not a multiple of the working grid

    labels = find_lungs(fine, (0.75, 0.75, 8.0)).labels

    assert labels.shape == (279, 357, 4)
    expected = np.kron(RIGHT_LUNG | LEFT_LUNG, np.ones((4, 4), dtype=bool))[:-1, :-3]
    assert dice(labels[..., 0] > 0, expected) > 0.98


def test_thin_slices_give_the_same_lungs_on_the_same_grid():
    thick = np.kron(make_chest(), np.ones((4, 4, 1), dtype=int))
    thin = thick[..., [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]]  # not a multiple of the working grid

    labels = find_lungs(thin, (0.75, 0.75, 0.5)).labels

    assert labels.shape == thin.shape
    expected = np.kron(RIGHT_LUNG | LEFT_LUNG, np.ones((4, 4), dtype=bool))
    assert all(dice(labels[..., k] > 0, expected) > 0.98 for k in range(11))


def make_leg():
    leg = np.full(ROWS.shape, AIR)
    leg[ellipse(35, 25, 18, 18) | ellipse(35, 65, 18, 18)] = TISSUE
    return leg[..., np.newaxis]


def make_abdomen():
    abdomen = np.full(ROWS.shape, AIR)
    abdomen[ellipse(34, 45, 25, 38)] = TISSUE
    abdomen[ellipse(20, 45, 7, 10)] = -985  # stomach full of gas
    return abdomen[..., np.newaxis]


SCANS_WITHOUT_LUNGS = {
    "leg": make_leg(),
    "air": np.full((40, 40, 3), AIR),
    "zero": np.zeros((40, 40, 3)),
    "padding": np.full((40, 40, 3), -3024),
    "noise": np.random.default_rng(0).normal(AIR, 30, (60, 60, 3)),
}


@pytest.mark.parametrize("name", SCANS_WITHOUT_LUNGS)
@pytest.mark.parametrize("intensity", ["hu", "grey"])
def test_scans_without_lungs_have_an_empty_mask(name, intensity):
    scan = SCANS_WITHOUT_LUNGS[name]

    lungs = find_lungs(scan if intensity == "hu" else window(scan), SPACING_MM, intensity)

    assert not lungs.found
    assert lungs.mask.shape == scan.shape


def test_a_stomach_full_of_gas_is_no_lung():
    assert not find_lungs(make_abdomen(), SPACING_MM).found


def test_an_abdomen_has_no_lungs(test_data):
    volume = load_scan(test_data / "dicom_ct_series")

    assert not find_lungs(np.asarray(volume[0]).transpose(1, 0, 2), (0.977, 0.977, 2.0)).found


def as_pls(path):
    image = nib.load(path)
    image = image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt("PLS")))
    return np.asanyarray(image.dataobj), image.header.get_zooms()


@pytest.mark.parametrize(("case", "least_dice"), [(1, 0.965), (2, 0.965), (7, 0.975), (8, 0.98), (9, 0.965)])
def test_lungs_of_windowed_scans_agree_with_reference_masks(test_data, case, least_dice):
    image, spacing_mm = as_pls(test_data / f"medseg_volumes/images/medseg_{case}.nii.gz")
    reference, _ = as_pls(test_data / f"medseg_volumes/lung/medseg_{case}.nii.gz")

    lungs = find_lungs(image, spacing_mm, "grey")

    assert dice(lungs.mask, reference > 0) > least_dice
    assert (lungs.labels == 1).sum() > (lungs.labels == 2).sum() * 0.8
    right, left = (np.argwhere(lungs.labels == side)[:, 1].mean() for side in (1, 2))
    assert right < left


def test_a_single_lung_in_hu_agrees_with_its_reference_mask(test_data):
    volume = load_scan(test_data / "ct_hu/3DCT_lung.mha")
    reference = load_scan(test_data / "ct_hu/3DCT_lung_baseline_mask.mha")
    hu, reference = (np.asarray(v[0]).transpose(1, 0, 2) for v in (volume, reference))  # stored LPS

    labels = find_lungs(hu, (1.366, 1.366, 2.5)).labels

    assert dice(labels == 1, reference > 0) > 0.98
    assert not (labels == 2).any()


def test_a_cropped_chest_has_both_lungs(test_data):
    hu, spacing_mm = as_pls(test_data / "ct_hu/chest_cropped.nii.gz")

    labels = find_lungs(hu, spacing_mm).labels

    volumes_ml = [(labels == side).sum() * np.prod(spacing_mm) / 1000 for side in (1, 2)]
    np.testing.assert_allclose(volumes_ml, [1316, 1538], rtol=0.03)
