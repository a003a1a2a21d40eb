import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from infnet_monai.errors import InputError
from infnet_monai.evaluation.map_folders import evaluate_map_folders
from infnet_monai.metrics import paper_metrics, select_metrics

PAPER, CLINICAL = ([metric.name for metric in select_metrics(protocol)] for protocol in ("paper", "clinical"))


@pytest.fixture
def folders(tmp_path):
    maps, masks = tmp_path / "maps", tmp_path / "masks"
    maps.mkdir()
    masks.mkdir()
    return maps, masks


def write_picture(folder, name, array):
    Image.fromarray(array).save(folder / name)


def picture_pair(seed, shape=(16, 20)):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, shape, np.uint8), np.where(rng.random(shape) > 0.7, 255, 0).astype(np.uint8)


def test_values_are_those_of_the_metrics(folders):
    rows = []
    for number in (10, 2):
        pred, mask = picture_pair(number)
        write_picture(folders[0], f"scan_{number}.png", pred)
        write_picture(folders[1], f"scan_{number}.png", mask)
        rows.append(paper_metrics(torch.from_numpy(pred / 255)[None, None], torch.from_numpy(mask > 0)[None, None]))
    found = evaluate_map_folders(*folders)
    assert found.table["case"].tolist() == ["scan_2", "scan_10"]
    np.testing.assert_allclose(found.table[PAPER], torch.cat([row.values for row in rows[::-1]]))
    curves = torch.cat([row.curves for row in rows]).mean(0)
    assert found.summary["mean_dice"] == pytest.approx(curves[0].mean().item())
    assert found.summary["max_dice"] == pytest.approx(curves[0].max().item())
    assert (found.resized, found.failures, found.maps_without_mask, found.masks_without_map) == ([], [], [], [])


def test_what_did_not_match_was_resized_or_is_bad_is_told(folders):
    for name, shape in (("good", (16, 20)), ("small", (8, 10)), ("lonely", (4, 4)), ("bad", (16, 20))):
        write_picture(folders[0], f"{name}.png", picture_pair(1, shape)[0])
    for name in ("good", "small", "missing", "bad"):
        write_picture(folders[1], f"{name}.png", picture_pair(1)[1] // (2 if name == "bad" else 1))
    (folders[0] / "notes.txt").write_text("no map")
    found = evaluate_map_folders(*folders)
    assert found.table["case"].tolist() == ["good", "small"]
    assert found.resized == ["small"]
    assert found.maps_without_mask == ["lonely"]
    assert found.masks_without_map == ["missing"]
    assert len(found.failures) == 1
    assert "bad.png" in found.failures[0]


def test_two_files_of_one_name_are_a_failure_of_that_case(folders):
    pred, mask = picture_pair(0)
    for name in ("a.png", "a.jpg", "b.png"):
        write_picture(folders[0], name, pred)
    write_picture(folders[1], "a.png", mask)
    write_picture(folders[1], "b.png", mask)
    found = evaluate_map_folders(*folders)
    assert found.table["case"].tolist() == ["b"]
    assert "a.png has the same name" in found.failures[0]


def test_values_out_of_range_are_told_by_case_and_slice(folders):
    volume = np.random.default_rng(0).random((5, 6, 3))
    np.save(folders[0] / "good.npy", volume)
    volume[0, 0, 1] = 1.5
    np.save(folders[0] / "bad.npy", volume)
    for name in ("good", "bad"):
        np.save(folders[1] / f"{name}.npy", volume > 0.5)
    found = evaluate_map_folders(*folders)
    assert found.failures == [found.failures[0]]
    assert found.failures[0].startswith("bad, slice 2: ")
    assert len(found.table) == 3


def test_volumes_by_slices_on_paper_and_whole_in_the_clinic(folders):
    mask = np.zeros((6, 6, 3), np.uint8)
    mask[2:4, 2:4, :2] = 1
    pred = mask * 0.9
    pred[2, 2, 0] = 0.1
    affine = np.diag([-2.0, -2.0, 5.0, 1.0])
    nib.save(nib.Nifti1Image(pred, affine), folders[0] / "scan.nii.gz")
    nib.save(nib.Nifti1Image(mask, affine), folders[1] / "scan.nii.gz")
    paper = evaluate_map_folders(*folders)
    assert paper.table["slice"].tolist() == [1, 2, 3]
    clinical = evaluate_map_folders(*folders, protocol="clinical")
    assert list(clinical.table.columns) == ["case", "slice", *CLINICAL]
    assert clinical.table["slice"].isna().all()
    assert clinical.summary["dice"] == pytest.approx(2 * 7 / (7 + 8))
    assert clinical.summary["hd95_mm"] == pytest.approx(1.3)  # one of 8 distances is 2 mm: 95th percentile 0.65 of 2
    assert clinical.undefined == dict.fromkeys(CLINICAL, 0)


def test_pictures_in_the_clinic_count_what_is_undefined(folders):
    empty = np.zeros((4, 4), np.uint8)
    pred, mask = picture_pair(3)
    for name, pair in (("empty", (empty, empty)), ("full", (pred, mask))):
        write_picture(folders[0], f"{name}.png", pair[0])
        write_picture(folders[1], f"{name}.png", pair[1])
    found = evaluate_map_folders(*folders, protocol="clinical")
    assert found.undefined["dice"] == 1
    assert found.undefined["hd95_mm"] == 2  # the spacing of pictures is not known
    assert found.undefined["specificity"] == 0
    assert found.summary["dice"] == found.table["dice"].dropna().item()


def test_nothing_to_measure_is_an_error(folders, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        evaluate_map_folders(tmp_path / "nowhere", folders[1])
    write_picture(folders[0], "a.png", picture_pair(0)[0])
    write_picture(folders[1], "b.png", picture_pair(0)[1])
    with pytest.raises(InputError, match="none of its 1 probability maps has the name"):
        evaluate_map_folders(*folders)
    write_picture(folders[1], "a.png", picture_pair(0)[1] // 2)
    with pytest.raises(InputError, match=r"a\.png: holds.*\n.*no probability map could be measured"):
        evaluate_map_folders(*folders)


@pytest.mark.parametrize("protocol", ["paper", "clinical"])
def test_a_map_of_zero_and_one_scores_as_the_same_map_of_0_and_255(folders, protocol):
    mask = picture_pair(3)[1]
    for name, factor in (("bright", 1), ("binary", 255)):
        write_picture(folders[0], f"{name}.png", mask // factor)
        write_picture(folders[1], f"{name}.png", mask)
    table = evaluate_map_folders(*folders, protocol=protocol).table.set_index("case")
    pd.testing.assert_series_equal(table.loc["binary"], table.loc["bright"], check_names=False)
    assert table.loc["binary", "dice" if protocol == "clinical" else "max_dice"] == 1


def test_hd95_is_in_mm_on_an_anisotropic_grid(folders):
    pred, mask = np.zeros((3, 8, 8, 4), np.uint8)[:2]
    pred[2, 2, 1], mask[2, 5, 2] = 1, 1
    affine = np.diag([4.0, 0.5, 6.0, 1.0])
    nib.save(nib.Nifti1Image(pred, affine), folders[0] / "scan.nii.gz")
    nib.save(nib.Nifti1Image(mask, affine), folders[1] / "scan.nii.gz")
    found = evaluate_map_folders(*folders, protocol="clinical")
    assert found.summary["hd95_mm"] == pytest.approx(np.hypot(3 * 0.5, 6))
