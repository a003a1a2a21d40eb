"""From a scan to its light: in the result, the record, the table, the report and the page for review."""

import csv
import json

import nibabel as nib
import numpy as np
import pytest
import torch

from infnet_monai.files import file_sha256
from infnet_monai.inference import BatchOptions, ScanRecord, Segmenter, segment_scans, summarise
from infnet_monai.networks import InfNet
from infnet_monai.quality import NetworkWatch, QualityModel
from infnet_monai.quality.features import FeatureReference
from infnet_monai.quality.model import QUALITY_FILE, DiceRule
from infnet_monai.quality.predictors import PREDICTORS

OVERRIDES = {"network_def#backbone": "resnet18", "image_size": [64, 64], "amp": False}
RULE = DiceRule(
    intercept=0.0,
    weights=dict.fromkeys(PREDICTORS, 0.0) | {"image_distance": -1.0},
    errors=(-0.5, 0.5),
    volume_errors=(-0.5, 0.5),
    usual=dict.fromkeys(PREDICTORS, 0.5),
    limits={"content_distance": 1.0},
    check_below=0.3,
    refuse_below=0.1,
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("rated") / "model.pt"
    torch.save(InfNet("resnet18").state_dict(), path)
    return path


@pytest.fixture(scope="module")
def rated(weights, chest):
    """A segmenter with a quality file whose references are the phantom's own slices, so that this one is usual."""
    plain = Segmenter(device="cpu", weights=weights, **OVERRIDES)
    with NetworkWatch(plain.network) as watch:
        unrated = plain.segment(chest.image, chest.affine)
    assert unrated.quality.quality is None
    assert "no quality file" in unrated.quality.quality_reasons[0]
    assert 0 <= unrated.quality.map_agreement <= 1
    assert not any("mask" in warning for warning in unrated.warnings)
    references = {level: FeatureReference.fit(rows) for level, rows in watch.slice_features().items()}
    QualityModel(file_sha256(weights), references, RULE).write(weights.with_name(QUALITY_FILE))
    return Segmenter(device="cpu", weights=weights, **OVERRIDES)


def noisy(chest):
    return chest.image + np.random.default_rng(0).normal(0, 250, chest.image.shape)


def test_a_usual_scan_is_good_and_a_noisy_one_is_not(rated, chest):
    usual = rated.segment(chest.image, chest.affine)
    assert usual.quality.quality == "good"
    assert usual.quality.lesion_volume_low_ml <= usual.statistics.lesion_volume_ml
    assert usual.quality.lesion_volume_high_ml >= usual.statistics.lesion_volume_ml
    doubtful = rated.segment(noisy(chest), chest.affine)
    assert doubtful.quality.quality != "good"
    assert any("noise" in reason for reason in doubtful.quality.quality_reasons)
    assert doubtful.quality.warning in doubtful.warnings


def test_flips_change_neither_light_nor_number_of_slices(weights, rated, chest):
    flipped = Segmenter(device="cpu", weights=weights, flips=True, **OVERRIDES)
    with NetworkWatch(flipped.network, flips=True) as watch:
        found = flipped.segment(chest.image, chest.affine)
    assert found.quality.quality == "good"
    assert watch.signals().slices == len(watch.slice_features()["image"]) <= chest.image.shape[2]


def test_light_and_ranges_stand_in_record_table_report_and_review(rated, chest, tmp_path):
    folder, output = tmp_path / "scans", tmp_path / "out"
    folder.mkdir()
    nib.save(nib.Nifti1Image(chest.image, chest.affine), folder / "a_usual.nii.gz")
    nib.save(nib.Nifti1Image(noisy(chest), chest.affine), folder / "b_noisy.nii.gz")
    result = segment_scans([folder], output, rated, BatchOptions(progress=False, review=True))
    record = ScanRecord.read(output / "b_noisy.json")
    assert record.quality.as_dict() == result.records["b_noisy"].quality.as_dict()
    with open(output / "statistics.csv", newline="") as file:
        rows = {row["scan"]: row for row in csv.DictReader(file)}
    assert rows["a_usual"]["quality"] == "good"
    assert rows["b_noisy"]["quality"] == record.quality.quality != "good"
    assert float(rows["b_noisy"]["predicted_dice"]) == record.quality.as_dict()["predicted_dice"]
    assert rows["b_noisy"]["quality_reasons"] == "; ".join(record.quality.quality_reasons)
    assert "check this mask" in rows["b_noisy"]["warnings"] or "do not use" in rows["b_noisy"]["warnings"]
    assert "Can the mask be trusted?" in (output / "report.html").read_text()
    review = (output / "review.html").read_text()
    assert review.index("b_noisy") < review.index("a_usual")
    assert output / "review.html" in result.files


def test_records_of_earlier_versions_are_read_and_summarised(rated, chest, tmp_path):
    nib.save(nib.Nifti1Image(chest.image, chest.affine), tmp_path / "a.nii.gz")
    output = tmp_path / "out"
    segment_scans([tmp_path / "a.nii.gz"], output, rated, BatchOptions(progress=False, report=False))
    content = json.loads((output / "a.json").read_text())
    del content["quality"]
    (output / "a.json").write_text(json.dumps(content))
    assert ScanRecord.read(output / "a.json").quality is None
    summarise(output, review=True)
    assert "Can the mask be trusted?" not in (output / "review.html").read_text()
    with open(output / "statistics.csv", newline="") as file:
        assert next(csv.DictReader(file))["quality"] == ""
