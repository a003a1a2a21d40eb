"""Each bundle trains, resumes, evaluates and exports, on a tiny data set."""

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
from monai.bundle import ConfigWorkflow, ckpt_export, verify_metadata, verify_net_in_out

from infnet_monai.bundle.generate import BUNDLES
from infnet_monai.errors import find_input_error

ROOT = Path(__file__).parents[2]
NAMES = [entry.name for entry in BUNDLES]
SMALL = {"image_size": [32, 32], "pretrained": False, "amp": False, "batch_size": 3}


@pytest.fixture(autouse=True)
def _keep_excepthook(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.chdir(ROOT)


def configs(name, *files):
    return [str(ROOT / "bundles" / name / "configs" / file) for file in files]


def run_bundle(name, folder, files=("train.json",), **overrides):
    places = {"ckpt_dir": str(folder / "models"), "output_dir": str(folder / "eval")}
    workflow = ConfigWorkflow(configs(name, *files), workflow_type="train", **SMALL | places | overrides)
    workflow.initialize()
    assert workflow.check_properties() == []
    workflow.run()
    workflow.finalize()


@pytest.mark.parametrize("name", NAMES)
def test_trains_and_evaluates(name, tiny_dataset, tmp_path):
    run_bundle(name, tmp_path, dataset_dir=str(tiny_dataset), epochs=1)
    curve = pd.read_csv(tmp_path / "eval" / "metrics.csv")
    assert curve["epoch"].tolist() == [0, 1]
    assert {"train_loss", "val_dice", "val_sensitivity", "val_specificity", "val_mae", "val_paper_mean_dice"} <= set(
        curve.columns
    )
    assert (tmp_path / "eval" / "preview.png").stat().st_size > 5000
    assert json.loads((tmp_path / "eval" / "run.json").read_text())["encoder_weights"] == "random"
    assert list((tmp_path / "eval" / "tensorboard").glob("events*"))
    evaluate = ("train.json", "evaluate.json")
    run_bundle(name, tmp_path, evaluate, dataset_dir=str(tiny_dataset), output_dir=str(tmp_path / "test"))
    slices, cases = (pd.read_csv(tmp_path / "test" / f"{kind}.csv") for kind in ("slices", "cases"))
    assert slices["case"].tolist() == ["case_3"] * 5
    assert np.isnan(slices["sensitivity"][0])
    assert 0 <= cases["mae"][0] <= 1


def test_learns_and_resumes_and_keeps_the_earlier_run(tiny_dataset, tmp_path, caplog):
    recipe = {"dataset_dir": str(tiny_dataset), "learning_rate": 1e-3}
    run_bundle("infnet_vgg16", tmp_path, epochs=2, **recipe)
    run_bundle("infnet_vgg16", tmp_path, epochs=8, resume="true", **recipe)
    curve = pd.read_csv(tmp_path / "eval" / "metrics.csv")
    assert curve["epoch"].tolist() == list(range(9))
    assert curve["train_loss"].iloc[-1] < 0.8 * curve["train_loss"].iloc[1]
    assert curve["val_mae"].iloc[-1] < curve["val_mae"].iloc[0]
    before = (tmp_path / "models" / "model.pt").read_bytes()
    run_bundle("infnet_vgg16", tmp_path, epochs=1, **recipe)
    (earlier,) = (tmp_path / "models").glob("earlier-*")
    assert (earlier / "model.pt").read_bytes() == before


def test_best_recipe_trains_and_its_evaluation_keeps_the_masks(tiny_dataset, tmp_path):
    name, recipe = "infnet_efficientnet_lite0", ("train.json", "train_best.json")
    data = {"dataset_dir": str(tiny_dataset), "image_size": [64, 64]}
    run_bundle(name, tmp_path, recipe, epochs=4, warmup_epochs=1, learning_rate=4e-3, **data)
    curve = pd.read_csv(tmp_path / "eval" / "metrics.csv")
    assert curve["train_loss"].iloc[-1] < curve["train_loss"].iloc[1]
    assert curve["learning_rate"].max() == pytest.approx(8e-4)  # a fifth: of the encoder, the first group
    figures = {}
    for sharpness in (1, 3):
        best = {"flips": "false", "sharpness": sharpness, "output_dir": str(tmp_path / str(sharpness))}
        run_bundle(name, tmp_path, (*recipe, "evaluate.json", "evaluate_best.json"), **data, **best)
        figures[sharpness] = json.loads((tmp_path / str(sharpness) / "summary.json").read_text())["key_metrics"]
    assert figures[3]["val_dice"] == pytest.approx(figures[1]["val_dice"], abs=1e-6)
    assert figures[3]["val_paper_mean_dice"] != pytest.approx(figures[1]["val_paper_mean_dice"], abs=1e-6)


def test_evaluation_without_weights_says_so(tiny_dataset, tmp_path):
    with pytest.raises(Exception, match=r".+") as caught:
        run_bundle(
            "infnet_vgg16",
            tmp_path,
            ("train.json", "evaluate.json"),
            dataset_dir=str(tiny_dataset),
            weights=str(tmp_path / "none.pt"),
        )
    assert "no such weights" in str(find_input_error(caught.value))


def test_picture_uses_the_intensity_that_the_run_was_told(tiny_dataset, tmp_path):
    for path in (tiny_dataset / "images").iterdir():
        image = nib.load(path)
        nib.save(nib.Nifti1Image((image.get_fdata() + 1024).astype(np.int16), image.affine), path)
    run_bundle("infnet_efficientnet_lite0", tmp_path, dataset_dir=str(tiny_dataset), epochs=1, intensity="hu")
    assert (tmp_path / "eval" / "preview.png").is_file()


def break_file(folder, kind):
    label, image = folder / "labels" / "case_0.nii.gz", folder / "images" / "case_0.nii.gz"
    affine = nib.load(image).affine
    volume = np.zeros((40, 48, 5), np.float32)
    if kind == "missing label":
        label.unlink()
    elif kind == "other shape":
        nib.save(nib.Nifti1Image(volume[:-1], affine), label)
    elif kind == "4D":
        nib.save(nib.Nifti1Image(volume[..., None].repeat(2, -1), affine), image)
    elif kind == "truncated":
        image.write_bytes(image.read_bytes()[:3000])
    elif kind == "NaN":
        nib.save(nib.Nifti1Image(volume * np.nan, affine), image)
    elif kind == "unknown label":
        nib.save(nib.Nifti1Image(volume + 9, affine), label)


@pytest.mark.parametrize("kind", ["missing label", "other shape", "4D", "truncated", "NaN", "unknown label"])
def test_bad_input_is_one_line_that_names_the_file(kind, tiny_dataset, tmp_path):
    break_file(tiny_dataset, kind)
    with pytest.raises(Exception, match=r".+") as caught:
        run_bundle("infnet_vgg16", tmp_path, dataset_dir=str(tiny_dataset), epochs=1)
    message = str(find_input_error(caught.value))
    assert "case_0.nii.gz" in message
    assert "\n" not in message


def command(name, *arguments):
    return [
        *(sys.executable, "-m", "monai.bundle", "run", "training", "--config_file", *configs(name, "train.json")),
        *("--image_size", "[32,32]", "--pretrained", "false", "--batch_size", "3"),
        *arguments,
    ]


@pytest.mark.parametrize("kind", ["none", "empty"])
def test_command_without_data_ends_in_one_line(kind, tmp_path):
    folder = tmp_path / "data"
    if kind == "empty":
        folder.mkdir()
    places = ("--ckpt_dir", str(tmp_path), "--output_dir", str(tmp_path))
    done = subprocess.run(
        command("infnet_vgg16", "--dataset_dir", str(folder), *places), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"Error: dataset_dir {folder}" in done.stderr


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_command_leaves_its_last_complete_epoch(sent, tiny_dataset, tmp_path):
    places = ("--ckpt_dir", str(tmp_path / "models"), "--output_dir", str(tmp_path / "eval"))
    process = subprocess.Popen(
        command("infnet_vgg16", "--dataset_dir", str(tiny_dataset), "--epochs", "1000", *places),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores Ctrl-C
    )
    curve = tmp_path / "eval" / "metrics.csv"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (curve.is_file() and len(curve.read_text().splitlines()) > 3):
        time.sleep(0.2)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT  # as shells expect of an interruption
    assert errors.strip().endswith("Interrupted.")
    assert "Traceback" not in errors
    state = torch.load(tmp_path / "models" / "last.pth", weights_only=True)
    assert state["epoch"] >= 1
    assert state["epoch"] == state["lr_scheduler"]["last_epoch"] == state["learning_curve"]["rows"][-1]["epoch"]
    assert set(state) == {"network", "model", "optimizer", "lr_scheduler", "learning_curve", "best_model", "epoch"}


SCHEMA = {
    "type": "object",
    "required": [
        *("schema", "version", "monai_version", "pytorch_version", "numpy_version", "required_packages_version"),
        *("task", "description", "authors", "copyright", "network_data_format"),
    ],
    "properties": {
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        "network_data_format": {"type": "object", "required": ["inputs", "outputs"]},
    },
}


@pytest.mark.parametrize("name", NAMES)
def test_passes_the_verifications_of_the_model_zoo(name, tmp_path):
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    train, metadata = configs(name, "train.json", "metadata.json")
    verify_metadata(meta_file=metadata, filepath=str(tmp_path / "schema.json"))
    verify_net_in_out("network_def", meta_file=metadata, config_file=train, pretrained=False, device="cpu")


@pytest.mark.parametrize("name", NAMES)
def test_exports_to_torchscript(name, tiny_dataset, tmp_path):
    from monai.bundle import ConfigParser

    train, metadata = configs(name, "train.json", "metadata.json")
    parser = ConfigParser()
    parser.read_config(train)
    parser["pretrained"] = False
    network = parser.get_parsed_content("network_def").eval()
    torch.save(network.state_dict(), tmp_path / "model.pt")
    ckpt_export(
        "network_def",
        filepath=str(tmp_path / "model.ts"),
        ckpt_file=str(tmp_path / "model.pt"),
        meta_file=metadata,
        config_file=train,
        pretrained=False,
    )
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(torch.jit.load(tmp_path / "model.ts")(image), network(image), atol=1e-5)
