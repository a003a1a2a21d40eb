"""What holds of every training of a bundle: which weights are kept, and what an interruption leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import ConfigWorkflow
from PIL import Image

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "bundles" / "infnet_efficientnet_lite0" / "configs"
SMALL = {
    "network_def#backbone": "resnet18",
    "image_size": [32, 32],
    "pretrained": False,
    "amp": False,
    "device": "cpu",
    "batch_size": 3,
    "learning_rate": 1e-3,
}
NOISE = [{"_target_": "RandGaussianNoised", "keys": "image", "prob": 1, "std": 0.05}]


@pytest.fixture(autouse=True)
def _keep_excepthook(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


@pytest.fixture
def train(tiny_dataset, tmp_path):
    """Train in a folder; give the folder and the record."""

    def run(name="run", files=("train.json",), **values):
        folder = tmp_path / name
        places = {"ckpt_dir": str(folder / "models"), "output_dir": str(folder / "eval")}
        values = {**SMALL, **places, "dataset_dir": str(tiny_dataset), **values}
        workflow = ConfigWorkflow([str(CONFIGS / file) for file in files], workflow_type="train", **values)
        workflow.initialize()
        workflow.run()
        workflow.finalize()
        record = folder / "eval" / "run.json"
        return folder, json.loads(record.read_text()) if record.is_file() else None

    return run


def weights(folder, name="model.pt"):
    return torch.load(folder / "models" / name, weights_only=True)


def same(one, other):
    """Whether two states are the same to the last bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    return one == other or (one != one and other != other)


def empty_labels(dataset, *names):
    for name in names:
        path = dataset / "labels" / f"{name}.nii.gz"
        label = nib.load(path)
        nib.save(nib.Nifti1Image(np.zeros(label.shape, np.uint8), label.affine), path)


def test_last_epoch_is_validated_and_the_untrained_network_never_kept(train):
    folder, record = train(epochs=3, val_interval=5)
    curve = pd.read_csv(folder / "eval" / "metrics.csv")
    assert curve["epoch"].tolist() == [0, 1, 2, 3]
    assert curve["val_dice"].notna().tolist() == [True, False, False, True]
    assert record["best_val_dice"] == pytest.approx(curve["val_dice"].iloc[-1])
    batches = {int(value) for name, value in weights(folder).items() if name.endswith("num_batches_tracked")}
    assert batches == {9}  # three batches of three slices in each epoch


def test_fine_tuning_that_only_gets_worse_keeps_what_it_started_from(train):
    first, record = train("first", epochs=6, learning_rate=5e-3)
    assert record["best_val_dice"] > 0.1
    start = first / "models" / "model.pt"
    worse, tuned = train("worse", epochs=1, init_weights=str(start), learning_rate=0.1)
    assert tuned["best_val_dice"] == pytest.approx(record["best_val_dice"])
    assert same(weights(worse), weights(first))
    assert not same(weights(worse), weights(worse, "last.pth")["network"])


def test_validation_without_a_lesion_warns_and_the_last_epoch_is_kept(train, tiny_dataset, capsys):
    empty_labels(tiny_dataset, "case_2", "case_3")
    folder, record = train(epochs=2)
    lines = capsys.readouterr().out.splitlines()
    assert (
        sum("WARNING" in line and "None of the 1 evaluated cases has a slice with lesion" in line for line in lines)
        == 1
    )
    assert not any("best value: 0.0" in line for line in lines)
    assert record["best_val_dice"] is None
    assert pd.read_csv(folder / "eval" / "metrics.csv")["val_dice"].isna().all()
    assert same(weights(folder), weights(folder, "last.pth")["network"])
    evaluate = ("train.json", "evaluate.json")
    train(files=evaluate, output_dir=str(folder / "test"), ckpt_dir=str(folder / "models"))
    summary = json.loads((folder / "test" / "summary.json").read_text(), parse_constant=pytest.fail)
    assert set(summary["key_metrics"].values()) == {None}


def test_resumed_epochs_draw_the_random_numbers_of_an_undisturbed_training(train):
    recipe = {"train#random_transforms": NOISE, "resume": "auto"}
    undisturbed, _ = train("undisturbed", epochs=3, **recipe)
    for epochs in (1, 2, 3):
        folder, _ = train("resumed", epochs=epochs, **recipe)
        (folder / "eval" / "metrics.csv").write_text("epo")  # cut off by a full disk: it is output only
    assert same(weights(folder, "last.pth"), weights(undisturbed, "last.pth"))
    assert same(weights(folder), weights(undisturbed))
    train("resumed", epochs=3, **recipe)
    curve, whole = ((run / "eval" / "metrics.csv").read_text() for run in (folder, undisturbed))
    assert curve == whole


def test_hard_negatives_are_resumed(train):
    recipe = {"files": ("train.json", "train_best.json"), "hard_negatives": 5.0, "resume": "auto"}
    recipe |= {"warmup_epochs": 1, "lr_scheduler#t_total": 3}
    undisturbed, _ = train("undisturbed", epochs=3, **recipe)
    for epochs in (2, 3):
        folder, _ = train("resumed", epochs=epochs, **recipe)
    area = weights(folder, "last.pth")["hard_negatives"]["area"]
    assert len(area) == 2
    assert (area > 0).any()
    assert same(area, weights(undisturbed, "last.pth")["hard_negatives"]["area"])


def write_unlabelled(folder):
    rng = np.random.default_rng(0)
    folder.mkdir()
    for k in range(5):
        Image.fromarray(rng.integers(0, 256, (40, 32), dtype=np.uint8)).save(folder / f"{k}.png")
    return folder


def test_a_resumed_training_by_consistency_is_an_undisturbed_one_to_the_last_bit(train, tmp_path):
    """Half of the views, boxes and pasted lesions are random; the slices of a lap reach over two epochs."""
    overlays = ("train.json", "train_best.json", "train_semi.json")
    recipe = {"unlabelled_dir": str(write_unlabelled(tmp_path / "unlabelled")), "warmup_epochs": 1, "resume": "auto"}
    recipe |= {"confident_above": 0.52, "confident_below": 0.48, "strong_views": 2, "feature_dropout": 0.3}
    undisturbed, _ = train("undisturbed", overlays, epochs=3, **recipe)
    for stop in (1, 3):
        folder, _ = train("resumed", overlays, epochs=3, **{"train#trainer#max_epochs": stop}, **recipe)
    assert same(weights(folder, "last.pth"), weights(undisturbed, "last.pth"))
    assert same(weights(folder), weights(undisturbed))
    curve, whole = ((run / "eval" / "metrics.csv").read_text() for run in (folder, undisturbed))
    assert curve == whole
    table = pd.read_csv(undisturbed / "eval" / "metrics.csv").set_index("epoch")
    assert table["train_loss"][3] > table["train_labelled_loss"][3]  # the teacher was sure of something
    assert 0 < table["train_confident_fraction"][3] <= 1


def test_resuming_a_finished_training_writes_what_a_kill_has_prevented(train):
    folder, record = train(epochs=2)
    before = weights(folder)
    for lost in ("run.json", "metrics.csv"):
        (folder / "eval" / lost).unlink()
    _, again = train(epochs=2, resume="true")
    assert again == record
    assert same(weights(folder), before)
    assert len(pd.read_csv(folder / "eval" / "metrics.csv")) == 3


def label_items(dataset, *names):
    return [{kind[:-1]: str(dataset / kind / f"{name}.nii.gz") for kind in ("images", "labels")} for name in names]


@pytest.mark.parametrize(("validation", "kept"), [("case_2", "first"), ("healthy", "last"), (None, "last")])
def test_fine_tuning_as_monai_label_starts_it(validation, kept, train, tiny_dataset):
    """It loads the weights by a handler that it puts before the others; a worse model must not replace a better one."""
    if validation == "healthy":
        empty_labels(tiny_dataset, "case_2")
    first_folder, _ = train("first", epochs=3, learning_rate=5e-3)
    weights_path = first_folder / "models" / "model.pt"
    handlers = json.loads((CONFIGS / "train.json").read_text())["train"]["handlers"]
    load_dict = {"model": "$@network"}
    loader = {"_target_": "CheckpointLoader", "load_path": str(weights_path), "load_dict": load_dict, "strict": False}
    values = {
        "train#trainer#max_epochs": 1,
        "train#dataset#data": label_items(tiny_dataset, "case_0", "case_1"),
        "validate#dataset#data": label_items(tiny_dataset, "case_2") if validation else [],
        "train#handlers": [loader, *handlers],
        "learning_rate": 0.1,
    }
    tuned, record = train("tuned", **values)
    first, last = weights(first_folder), weights(tuned, "last.pth")["network"]
    assert same(weights(tuned), first if kept == "first" else last)
    assert not same(first, last)
    assert (record["best_val_dice"] is None) == (kept == "last")


def start_process(folder, dataset, *options):
    """A training by ``train_best.json`` in a process of its own."""
    files = str([str(CONFIGS / file) for file in ("train.json", "train_best.json")])
    command = [sys.executable, "-m", "monai.bundle", "run", "training", "--config_file", files, "--resume", "auto"]
    for name, value in {**SMALL, "dataset_dir": dataset, "epochs": 6, "warmup_epochs": 1}.items():
        command += [f"--{name}", str(value).lower() if isinstance(value, bool) else str(value)]
    command += ["--ckpt_dir", str(folder / "models"), "--output_dir", str(folder / "eval"), *options]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def wait_for_epoch(folder, epoch, process):
    last = folder / "models" / "last.pth"
    while process.poll() is None and not (last.is_file() and weights(folder, "last.pth")["epoch"] >= epoch):
        time.sleep(0.02)


@pytest.mark.slow
def test_a_training_killed_twice_ends_with_the_weights_of_an_undisturbed_one(tiny_dataset, tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    process = start_process(undisturbed, tiny_dataset)
    assert process.wait() == 0, process.stdout.read()
    for epoch, sent in ((1, signal.SIGKILL), (3, signal.SIGTERM)):
        process = start_process(killed, tiny_dataset)
        wait_for_epoch(killed, epoch, process)
        process.send_signal(sent)
        assert process.wait() != 0
    process = start_process(killed, tiny_dataset)
    assert process.wait() == 0, process.stdout.read()
    assert same(weights(killed, "last.pth"), weights(undisturbed, "last.pth"))
    assert same(weights(killed), weights(undisturbed))
    assert (killed / "eval" / "metrics.csv").read_text() == (undisturbed / "eval" / "metrics.csv").read_text()


@pytest.mark.slow
def test_a_second_training_in_the_same_folder_is_refused_in_one_line(tiny_dataset, tmp_path):
    first = start_process(tmp_path, tiny_dataset, "--epochs", "1000")
    wait_for_epoch(tmp_path, 1, first)
    second = start_process(tmp_path, tiny_dataset)
    output = second.communicate()[0].decode()
    first.kill()
    first.wait()
    assert second.returncode == 1
    assert "Traceback" not in output
    assert "another process works there" in output.strip().splitlines()[-1]
