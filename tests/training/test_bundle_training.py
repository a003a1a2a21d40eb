import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pandas as pd
import pytest

from infnet_monai.errors import InputError
from infnet_monai.stage import StageBusy, hold_lock
from infnet_monai.training import WorkflowFailed


@pytest.fixture
def commands(monkeypatch):
    """Commands of the child processes, which train nothing."""
    seen = []

    def run_child(command, log, poll, lock):
        seen.append(command)
        assert os.fstat(lock)
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

    monkeypatch.setattr("infnet_monai.training.child.run_child", run_child)
    return seen


def value(command, name):
    return command[command.index(name) + 1]


def write_state(training):
    training.last_state.parent.mkdir(parents=True)
    training.last_state.write_bytes(b"state")


def test_trains_by_the_bundles_file_and_its_own_options(training, commands, caplog):
    caplog.set_level(logging.INFO)
    assert training.complete() == training.folder / "models" / "model.pt"
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
    assert "finished before" not in caplog.text
    training.complete()
    assert len(commands) == 1
    assert "Test: finished before." in caplog.text


def test_options_are_recorded_with_what_else_must_stay_the_same(training, tmp_path):
    (tmp_path / "model.pt").write_bytes(b"weights")
    config = replace(training, init_weights=tmp_path / "model.pt", seed=3).config
    facts = config.pop("facts")
    assert config == {"image_size": [32, 32], "epochs": 4, "seed": 3}
    assert (facts["bundle"], facts["group_size"]) == ("infnet_efficientnet_lite0", 5)
    hashed = {name.removeprefix("sha256 of ") for name in facts if name.startswith("sha256 of ")}
    assert hashed == {"train.json", "dataset.json", "init_weights"}
    assert replace(training, facts={"sha256 of dataset.json": "x"}).config["facts"]["sha256 of dataset.json"] == "x"


def test_starts_from_a_model_and_from_an_overlay(training, commands, tmp_path):
    (tmp_path / "model.pt").write_bytes(b"weights")
    recipe = training.recipe.extended(["train_best.json"])
    replace(training, recipe=recipe, init_weights=tmp_path / "model.pt").complete()
    assert value(commands[0], "--init_weights") == str(tmp_path / "model.pt")
    assert "train_best.json" in value(commands[0], "--config_file")


def test_interrupted_training_is_resumed(training, commands):
    write_state(training)
    training.complete()
    assert value(commands[0], "--resume") == "true"


def test_a_training_killed_after_its_last_epoch_is_resumed_for_its_closing_steps(training, commands):
    write_state(training)
    training.curve.parent.mkdir()
    pd.DataFrame({"epoch": range(5)}).to_csv(training.curve, index=False)
    assert (training.completed_epochs(), training.trained) == (4, False)
    training.complete()
    assert value(commands[0], "--resume") == "true"
    assert training.trained


def test_state_left_by_a_kill_after_the_record_is_removed(training, commands):
    training.complete()
    training.last_state.write_bytes(b"state")
    training.complete()
    assert len(commands) == 1
    assert not training.last_state.exists()


def test_drafts_left_by_a_kill_are_removed(training, commands):
    write_state(training)
    draft = training.last_state.with_name(".123-last.pth")
    draft.write_bytes(b"half")
    training.complete()
    assert not draft.exists()


def test_damaged_record_means_unfinished(training, commands):
    training.complete()
    training.training_record.write_text('{"epochs": ')
    assert not training.trained
    training.complete()
    assert len(commands) == 2
    assert training.trained


def test_failure_says_why_where_and_how_to_resume(training, commands, tmp_path):
    failing = replace(training, folder=tmp_path / "fails")
    with pytest.raises(
        WorkflowFailed,
        match=r"Test: training ended with status 1: out of memory \(log: .*log\.txt\)\. The same command resumes",
    ):
        failing.complete()
    assert failing.completed_epochs() == 2
    assert failing.last_state.is_file()


def test_other_options_are_refused_once_there_is_something_to_lose(training, commands):
    other = replace(training, epochs=5, facts={})
    training.folder.mkdir()
    (training.folder / "config.json").write_text(json.dumps(training.config))
    assert other.changed_options() == []
    training.complete()
    assert other.changed_options() == ["epochs: 4 then, 5 now", "group_size: 5 then, null now"]
    with pytest.raises(InputError, match=r"run: was run with other options \(epochs: 4 then, 5 now"):
        other.complete()
    assert len(commands) == 1


def test_damaged_options_are_one_line(training, commands):
    training.complete()
    (training.folder / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"options \(unknown, since config\.json is damaged\)") as caught:
        training.complete()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "epochs"),
    [
        ("", 0),
        ("epoch,val_dice\n", 0),
        ("\0\0\0\0", 0),
        ('epoch,val_dice\n1,"0.', 0),
        ("epoch,val_dice\ninf,1\n", 0),
        ("epoch,val_dice\n0,0.1\n1,0.2\n", 1),
    ],
)
def test_epochs_are_those_of_the_learning_curve(training, text, epochs):
    assert training.completed_epochs() == 0
    training.curve.parent.mkdir(parents=True)
    training.curve.write_text(text)
    assert training.completed_epochs() == epochs


def test_missing_or_damaged_curve_is_one_line(training):
    with pytest.raises(InputError, match=r"metrics\.csv: missing or damaged; remove .*run to train again"):
        training.read_curve()
    training.curve.parent.mkdir(parents=True)
    for content in (b"", b"\xff\xfe\0", b"epoch\n", b"dice\n1\n"):
        training.curve.write_bytes(content)
        with pytest.raises(InputError, match=r"metrics\.csv: missing or damaged"):
            training.read_curve()


def test_two_processes_take_turns(training, commands, caplog):
    caplog.set_level(logging.INFO)
    with training.lock(), pytest.raises(StageBusy), training.lock():
        pass
    other = threading.Thread(target=training.complete)
    with training.lock():
        other.start()
        deadline = time.monotonic() + 30
        while "Test: waiting for the process that works on it." not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)
        assert commands == []
    other.join()
    assert len(commands) == 1


PARENT = """
import sys
from pathlib import Path
from infnet_monai.stage import hold_lock
from infnet_monai.training import child
with hold_lock(sys.argv[1]) as lock:
    child.run_child([sys.executable, "-c", sys.argv[2]], Path(sys.argv[3]), lambda: None, lock)
"""
CHILD = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


def test_killed_parent_does_not_free_the_lock_while_its_training_runs(tmp_path):
    lock, log = tmp_path / ".run.lock", tmp_path / "log.txt"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, lock, CHILD, log])
    deadline = time.monotonic() + 60
    while not (log.is_file() and log.read_text().rpartition("\n")[0].rpartition("\n")[2].isdigit()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    with pytest.raises(StageBusy), hold_lock(lock):
        pass
    os.kill(int(log.read_text().split()[-1]), signal.SIGKILL)
    with hold_lock(lock, wait=True):
        pass
    assert not lock.exists()
