import json
from dataclasses import replace

import pandas as pd
import pytest

from infnet_monai.errors import InputError
from infnet_monai.training.bundle_training import BundleTraining, TrainingFailed, complete_training


@pytest.fixture
def training(options, tmp_path):
    config = {"image_size": [32, 32], "semi": {"bundle": "infnet_efficientnet_lite0"}}
    return BundleTraining("Test", tmp_path / "run", options().method, options().dataset_dir, config, epochs=4)


@pytest.fixture
def commands(monkeypatch):
    """Commands of the child processes, which train nothing."""
    seen = []

    def run_child(command, log, poll):
        seen.append(command)
        folder = log.parent
        for name in ("models", "training"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        log.write_text("\n$ command\nError: out of memory\n")
        pd.DataFrame({"epoch": [0, 1, 2]}).to_csv(folder / "training" / "metrics.csv", index=False)
        (folder / "models" / "last.pth").write_bytes(b"state")
        poll()
        if "fails" in str(folder):
            return 1
        (folder / "models" / "model.pt").write_bytes(b"weights")
        (folder / "training" / "run.json").write_text("{}")
        return 0

    monkeypatch.setattr("infnet_monai.training.bundle_training.run_child", run_child)
    return seen


def value(command, name):
    return command[command.index(name) + 1]


def test_trains_by_the_bundles_file_and_the_stages_options(training, commands):
    assert complete_training(training) == training.folder / "models" / "model.pt"
    (command,) = commands
    assert "training" in command
    files = value(command, "--config_file")
    assert files.index("train.json") < files.index(str(training.folder / "config.json"))
    assert json.loads((training.folder / "config.json").read_text()) == training.config
    assert value(command, "--dataset_dir") == str(training.dataset_dir)
    assert value(command, "--ckpt_dir") == str(training.folder / "models")
    assert value(command, "--resume") == "false"
    assert "--init_weights" not in command
    assert not training.last_state.exists()
    complete_training(training)
    assert len(commands) == 1


def test_starts_from_a_model_and_from_an_overlay(training, commands, tmp_path):
    complete_training(replace(training, init_weights=tmp_path / "model.pt", overlay="train_best.json"))
    assert value(commands[0], "--init_weights") == str(tmp_path / "model.pt")
    assert "train_best.json" in value(commands[0], "--config_file")


def test_interrupted_training_goes_on(training, commands):
    training.last_state.parent.mkdir(parents=True)
    training.last_state.write_bytes(b"state")
    complete_training(training)
    assert value(commands[0], "--resume") == "true"


def test_failure_says_why_where_and_how_to_go_on(options, training, commands, tmp_path):
    failing = replace(training, folder=tmp_path / "fails")
    with pytest.raises(TrainingFailed, match=r"Test: ended with status 1: out of memory \(log: .*log\.txt\)"):
        complete_training(failing)
    assert failing.completed_epochs() == 2
    assert failing.last_state.is_file()


def test_other_options_are_refused(training, commands):
    complete_training(training)
    with pytest.raises(InputError, match="image_size"):
        complete_training(replace(training, config={"image_size": [64, 64], "semi": {}}))


def test_epochs_are_those_of_the_learning_curve(training):
    assert training.completed_epochs() == 0
    (training.folder / "training").mkdir(parents=True)
    curve = training.folder / "training" / "metrics.csv"
    for text, epochs in (("", 0), ("epoch,val_dice\n", 0), ("epoch,val_dice\n0,0.1\n1,0.2\n", 1)):
        curve.write_text(text)
        assert training.completed_epochs() == epochs
