"""A calibration from fold models to the file of a bundle, on scans of a few voxels."""

import json
import shutil

import numpy as np
import pytest
import torch
from tiny_cases import write_case

from infnet_monai.bundle.generate import BundleEntry, write_bundle
from infnet_monai.calibration import CalibrationOptions, HeldOutModel, calibrate, find_held_out, unseen_test_cases
from infnet_monai.calibration.calibrate import read_samples
from infnet_monai.calibration.evaluate import evaluate_quality, summarise_estimates
from infnet_monai.calibration.runs import Case
from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256
from infnet_monai.networks import InfNet

OPTIONS = CalibrationOptions(most_slices=3, levels=(2,), device="cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("calibration")


@pytest.fixture(scope="module")
def items(folder):
    cases = [write_case(folder, f"case_{k}", seed=k) for k in range(9)]
    return [{name: str(folder / file) for name, file in case.items()} for case in cases]


@pytest.fixture(scope="module")
def bundle(folder):
    path = write_bundle(BundleEntry("resnet18", "resnet18"), folder)
    config = path / "configs" / "inference.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"image_size": [64, 64], "amp": False}))
    torch.manual_seed(0)
    (path / "models").mkdir()
    torch.save(InfNet("resnet18").state_dict(), path / "models" / "model.pt")
    return path


@pytest.fixture(scope="module")
def calibrated(folder, items, bundle):
    model = HeldOutModel("one", bundle / "models" / "model.pt", items[:4], items[4:])
    return calibrate(bundle, [model], items[:4], folder / "out", OPTIONS)


def test_the_rule_is_for_the_weights_and_says_what_it_was_fitted_on(calibrated, bundle):
    assert calibrated.weights_sha256 == file_sha256(bundle / "models" / "model.pt")
    assert calibrated.facts == {"held_out_cases": 5, "samples": 45, "training_cases": 4}
    assert set(calibrated.references) == {"image", "texture", "content"}
    assert all(weight <= 0 for weight in calibrated.rule.weights.values())


def test_the_table_has_each_case_as_it_is_and_with_each_damage(calibrated, folder, items):
    samples = read_samples(folder / "out" / "samples.csv")
    assert [sample.damage for sample in samples if sample.case == "case_4"][:2] == ["", "noise"]
    voxel_ml = 1.5 * 1.5 * 5 * 2 / 1000  # every second of 5 slices
    assert samples[0].reference_ml == pytest.approx(12 * 16 * 2 * voxel_ml, rel=1e-4)
    assert all(0 <= sample.dice <= 1 for sample in samples)


def test_samples_that_are_stored_are_not_made_again(calibrated, folder, items, bundle, monkeypatch):
    monkeypatch.setattr("infnet_monai.calibration.runs.CaseRunner.samples", None)
    model = HeldOutModel("one", bundle / "models" / "model.pt", items[:4], items[4:])
    again = calibrate(bundle, [model], items[:4], folder / "out", OPTIONS)
    assert again.rule == calibrated.rule


def test_the_evaluation_writes_its_tables_and_picture(calibrated, folder):
    summary = evaluate_quality(folder / "out" / "samples.csv", folder / "evaluation")
    assert {path.name for path in (folder / "evaluation").iterdir()} == {
        *("estimates.csv", "by_damage.csv", "risk_coverage.csv", "risk_coverage.png", "summary.json")
    }
    assert (summary["cases"], summary["samples"]) == (5, 45)
    assert summary["aurc_best_possible"] <= summary["aurc_predicted_Dice"]
    assert json.loads((folder / "evaluation" / "summary.json").read_text()) == summary


def test_what_is_flagged_is_counted_by_hand():
    pandas = pytest.importorskip("pandas")
    rows = [  # damage, Dice, Dice before, light, reference in ml
        ("", 0.8, 0.8, "good", 10),
        ("", 0.6, 0.6, "check", 30),
        ("noise", 0.5, 0.8, "check", 10),
        ("noise", 0.3, 0.6, "good", 10),
        ("noise", 0.7, 0.8, "good", 10),  # has not fallen by 0.2
    ]
    table = pandas.DataFrame(rows, columns=["damage", "dice", "dice_before", "light", "reference_ml"])
    table = table.assign(case="a", level=1, predicted_dice=table.dice, volume_low_ml=5, volume_high_ml=20)
    table = table.assign(predicted_dice_low=0, predicted_dice_high=1)
    summary = summarise_estimates(table)
    assert summary["flagged_undamaged"] == pytest.approx(1 / 2)
    assert (summary["fallen"], summary["flagged_of_fallen"]) == (2, 0.5)
    assert summary["volume_in_range"] == pytest.approx(4 / 5)
    assert summary["dice_kept"] == pytest.approx((0.8 + 0.3 + 0.7) / 3)


def test_finished_folds_are_found_and_others_left_out(tmp_path, items):
    for fold, finished in ((1, True), (2, False)):
        run = tmp_path / "runs" / "infnet_tiny" / f"seed_0_fold_{fold}_of_2"
        (run / "models").mkdir(parents=True)
        (run / "models" / "model.pt").touch()
        if finished:
            (run / "finished.json").touch()
        data = tmp_path / "folds" / f"fold_{fold}"
        data.mkdir(parents=True)
        (data / "dataset.json").write_text(json.dumps({"training": items[1:], "test": items[:1]}))
    (model,) = find_held_out(tmp_path, "infnet_tiny")
    assert model.name.endswith("seed_0_fold_1_of_2")
    assert [item["image"] for item in model.held_out] == [items[0]["image"]]
    with pytest.raises(InputError, match="no finished fold of infnet_vgg16"):
        find_held_out(tmp_path, "infnet_vgg16")


def test_the_validation_section_is_neither_training_nor_held_out(tmp_path, items):
    content = {"name": "mine", "training": items[:2], "validation": items[2:3], "test": items[3:4]}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    model = unseen_test_cases(tmp_path / "model.pt", tmp_path)
    assert (len(model.training), len(model.held_out)) == (2, 1)


def test_a_reference_of_another_shape_is_refused(folder, items, tmp_path):
    shutil.copy(write_other(tmp_path), tmp_path / "other.nii.gz")
    with pytest.raises(InputError, match=r"has \(40, 40, 5\) voxels, its image \(48, 40, 5\)|prepare the data again"):
        Case.read({"image": items[0]["image"], "label": str(tmp_path / "other.nii.gz")})


def write_other(folder):
    return folder / write_case(folder, "other", shape=(40, 40, 5))["label"]


def test_kept_slices_are_evenly_spaced_and_their_distance_grows(items):
    whole, thinned = Case.read(items[0]), Case.read(items[0], most_slices=2)
    assert thinned.image.shape[2] == 2  # slices 0 and 3 of 5
    assert np.array_equal(thinned.image[..., 1], whole.image[..., 3])
    assert thinned.affine[2, 2] == 3 * whole.affine[2, 2]
