"""From signals to a light, and the file that holds what this takes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256
from infnet_monai.quality import QualityModel, QualitySignals
from infnet_monai.quality.estimate import QualityEstimate
from infnet_monai.quality.features import FeatureReference
from infnet_monai.quality.model import QUALITY_FILE, DiceRule, read_quality
from infnet_monai.quality.predictors import PREDICTORS, predictors_of

RULE = DiceRule(
    intercept=0.0,
    weights=dict.fromkeys(PREDICTORS, 0.0) | {"image_distance": -2.0},
    errors=(-1.0, 1.0),
    volume_errors=(-0.5, 1.0),
    usual=dict.fromkeys(PREDICTORS, 0.0),
    limits={"content_distance": 1.0},
    check_below=0.4,
    refuse_below=0.2,
)
SIGNALS = QualitySignals(10, 0.9, 0.8, 0.1, 0.3, 0.02, image_distance=1.0, texture_distance=1.0, content_distance=1.0)


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    references = {level: FeatureReference.fit(rng.normal(size=(20, 6))) for level in ("image", "content")}
    return QualityModel("0" * 64, references, RULE, {"held_out_cases": 5})


def test_a_scan_like_the_training_data_is_good(model):
    found = model.estimate(SIGNALS, lesion_ml=41.0)  # log odds 0
    assert (found.quality, found.quality_reasons, found.warning) == ("good", (), None)
    assert found.predicted_dice == pytest.approx(0.5)
    assert found.predicted_dice_high == pytest.approx(1 / (1 + math.exp(-1)))
    assert found.predicted_dice_low == pytest.approx(1 / (1 + math.exp(1)))


def test_range_of_the_volume_widens_with_doubt(model):
    found = model.estimate(SIGNALS, lesion_ml=41.0)  # scale 1 - 0.5 + 0.1
    assert found.lesion_volume_low_ml == pytest.approx(42 * math.exp(-0.3) - 1)
    assert found.lesion_volume_high_ml == pytest.approx(42 * math.exp(0.6) - 1)
    doubtful = model.estimate(replace(SIGNALS, image_distance=3.0), lesion_ml=41.0)
    assert doubtful.lesion_volume_high_ml > found.lesion_volume_high_ml


@pytest.mark.parametrize(("distance", "light"), [(1.5, "check"), (3.0, "do not use")])
def test_light_follows_the_predicted_dice_and_names_the_reason(model, distance, light):
    found = model.estimate(replace(SIGNALS, image_distance=distance), lesion_ml=41.0)
    assert found.predicted_dice == pytest.approx(1 / (1 + distance**2))
    assert found.quality == light
    assert found.quality_reasons[0].startswith("noise, sharpness or intensities")
    assert "Dice" in found.warning


def test_a_scan_beyond_all_that_was_seen_is_checked_whatever_its_predicted_dice(model):
    found = model.estimate(replace(SIGNALS, content_distance=math.e + 0.1), lesion_ml=41.0)
    assert found.predicted_dice == pytest.approx(0.5)  # above the threshold of 0.4
    assert found.quality == "check"
    assert found.quality_reasons == ("what is in the slices is unlike the training data",)


def test_without_lungs_no_mask_is_to_be_used(model):
    found = model.estimate(SIGNALS, lesion_ml=41.0, lungs_missing=True)
    assert found.quality == "do not use"
    assert found.quality_reasons == ("no lungs were found",)


def test_a_network_without_maps_gets_no_estimate_and_is_told_why(model):
    found = model.estimate(QualitySignals(), lesion_ml=41.0)
    assert (found.quality, found.predicted_dice) == (None, None)
    assert "intermediate maps" in found.quality_reasons[0]
    assert found.warning is None


def test_agreement_needs_no_fit(model):
    found = model.estimate(replace(SIGNALS, image_distance=None), lesion_ml=40.0)
    assert found.map_agreement == 0.9
    assert found.volume_spread_ml == pytest.approx(4.0)
    assert found.uncertain_percent == pytest.approx(30)
    assert found.confidence == 0.9


def test_predictors_are_higher_where_a_scan_is_worse():
    worse = QualitySignals(
        10, 0.5, 0.1, 0.5, 0.6, 0.001, image_distance=2.0, texture_distance=2.0, content_distance=2.0
    )
    good, bad = predictors_of(SIGNALS), predictors_of(worse)
    assert all(bad[name] > good[name] for name in PREDICTORS)
    assert good["smallness"] == pytest.approx(-math.log10(0.0201))


def test_estimate_survives_json(model):
    found = model.estimate(replace(SIGNALS, image_distance=1.5), lesion_ml=41.0)
    content = found.as_dict()
    assert QualityEstimate.from_dict(content).as_dict() == content
    assert content["predicted_dice"] == round(found.predicted_dice, 3)


def test_file_gives_back_what_was_written_and_is_small(model, tmp_path):
    path = tmp_path / QUALITY_FILE
    model.write(path)
    read = QualityModel.read(path)
    assert read.rule == RULE
    assert (read.weights_sha256, read.facts) == (model.weights_sha256, model.facts)
    rows = np.random.default_rng(1).normal(size=(3, 6))
    assert read.references["image"].distances(rows) == pytest.approx(
        model.references["image"].distances(rows), rel=1e-3
    )
    assert path.stat().st_size < 200_000


def test_file_of_a_wide_encoder_is_small(tmp_path):
    rng = np.random.default_rng(0)  # ResNet-50: mean and deviation of 256, 512 and 2048 channels
    channels = {"image": 512, "texture": 1024, "content": 4096}
    references = {level: FeatureReference.fit(rng.normal(size=(200, count))) for level, count in channels.items()}
    QualityModel("0" * 64, references, RULE).write(tmp_path / QUALITY_FILE)
    assert (tmp_path / QUALITY_FILE).stat().st_size < 200_000


def test_only_the_file_of_the_same_weights_counts(model, tmp_path):
    weights = tmp_path / "model.pt"
    torch.save({}, weights)
    assert read_quality(weights) is None
    model.write(tmp_path / QUALITY_FILE)
    assert read_quality(weights) is None  # fine-tuned since, or of another bundle
    sha256 = file_sha256(weights)
    replace(model, weights_sha256=sha256).write(tmp_path / QUALITY_FILE)
    assert read_quality(weights).rule == RULE


def test_a_damaged_file_is_refused_in_one_line(tmp_path):
    (tmp_path / QUALITY_FILE).write_bytes(b"nothing")
    with pytest.raises(InputError, match="is no quality file") as error:
        QualityModel.read(tmp_path / QUALITY_FILE)
    assert "\n" not in str(error.value)
