"""Each bundle segments a folder of scans through MONAI's own commands."""

import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow

from infnet_monai.bundle.generate import BUNDLES
from infnet_monai.errors import InputError
from infnet_monai.inference import Segmenter
from infnet_monai.networks import InfNet
from infnet_monai.phantom.phantom import make_phantom

ROOT = Path(__file__).parents[2]
SMALL = {"image_size": [64, 64], "amp": False}


@pytest.fixture(autouse=True)
def _keep_excepthook(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.chdir(ROOT)


@pytest.fixture
def scans(tmp_path):
    """A scan, and the same one in a subfolder, reoriented."""
    phantom = make_phantom(2, shape=(56, 48, 10), spacing_mm=(6.4, 6.4, 20.0))
    image = nib.Nifti1Image(phantom.image, phantom.affine)
    folder = tmp_path / "scans"
    (folder / "ward").mkdir(parents=True)
    nib.save(image, folder / "a.nii.gz")
    nib.save(image.as_reoriented(np.array([[2, -1], [0, 1], [1, 1]])), folder / "ward" / "b.c.nii.gz")
    return folder


def random_weights(backbone, path):
    torch.manual_seed(0)
    torch.save(InfNet(backbone).state_dict(), path)
    return path


@pytest.mark.parametrize("entry", BUNDLES, ids=lambda entry: entry.name)
def test_writes_the_masks_that_the_library_gives(entry, scans, tmp_path):
    weights, output = random_weights(entry.backbone, tmp_path / "model.pt"), tmp_path / "out"
    config = str(ROOT / "bundles" / entry.name / "configs" / "inference.json")
    values = {"dataset_dir": str(scans), "output_dir": str(output), "weights": str(weights), "save_probability": "true"}
    workflow = ConfigWorkflow(config, workflow_type="infer", **SMALL | values)
    workflow.initialize()
    assert workflow.check_properties() == []
    workflow.run()
    workflow.finalize()
    written = {path.relative_to(output).as_posix() for path in output.rglob("*.nii.gz")}
    kinds = ("infection", "probability")
    assert written == {f"{name}_{kind}.nii.gz" for name in ("a", "ward/b.c") for kind in kinds}
    segmenter = Segmenter(entry.name, device="cpu", weights=weights, **SMALL)
    for name in ("a", "ward/b.c"):
        scan, mask = nib.load(scans / f"{name}.nii.gz"), nib.load(output / f"{name}_infection.nii.gz")
        assert mask.get_data_dtype() == np.uint8
        assert np.allclose(mask.affine, scan.affine)
        assert np.array_equal(mask.dataobj, segmenter.segment(scan).mask)


def run(scans, output, *options):
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file"]
    command += ["bundles/infnet_efficientnet_lite0/configs/inference.json", "--dataset_dir", str(scans)]
    command += ["--output_dir", str(output), "--image_size", "[64,64]", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_command_survives_a_broken_scan_and_overwrites_nothing(scans, tmp_path):
    weights = random_weights("efficientnet_lite0", tmp_path / "model.pt")
    (scans / "a-broken.nii.gz").write_bytes((scans / "a.nii.gz").read_bytes()[:2000])
    done = run(scans, tmp_path / "out", "--weights", str(weights))
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-2:]
    assert last[0] == "Error: 1 of 3 scans could not be used:"
    assert "a-broken.nii.gz: cannot be read" in last[1]
    assert "Traceback" not in done.stderr
    assert (tmp_path / "out" / "a_infection.nii.gz").exists()
    assert (tmp_path / "out" / "ward" / "b.c_infection.nii.gz").exists()
    again = run(scans, tmp_path / "out", "--weights", str(weights))
    assert again.returncode == 1
    assert "a_infection.nii.gz is there already" in again.stderr.strip().splitlines()[-1]


def test_scans_can_be_named_in_the_configuration_from_any_folder(scans, tmp_path, monkeypatch):
    """As users of the model zoo do, with relative paths."""
    bundle = ROOT / "bundles" / "infnet_efficientnet_lite0"
    monkeypatch.chdir(scans)
    values = {"dataset#data": [{"image": "a.nii.gz"}, {"image": "ward/b.c.nii.gz"}], "output_dir": "out"}
    weights = random_weights("efficientnet_lite0", tmp_path / "model.pt")
    config = str(bundle / "configs" / "inference.json")
    workflow = ConfigWorkflow(
        config, workflow_type="infer", bundle_root=str(bundle), weights=str(weights), **SMALL, **values
    )
    workflow.initialize()
    assert workflow.check_properties() == []
    workflow.run()
    workflow.finalize()
    assert {path.name for path in (scans / "out").iterdir()} == {"a_infection.nii.gz", "b.c_infection.nii.gz"}


def test_bundle_root_places_checkpoints_and_results_from_any_folder(tiny_dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = str(ROOT / "bundles" / "infnet_efficientnet_lite0" / "configs" / "train.json")
    values = {"bundle_root": "mine", "dataset_dir": "tiny", "epochs": 1, "pretrained": False, "batch_size": 3}
    workflow = ConfigWorkflow(config, workflow_type="train", **SMALL, **values)
    workflow.initialize()
    workflow.run()
    workflow.finalize()
    assert {path.name for path in (tmp_path / "mine" / "models").iterdir()} == {"model.pt", "last.pth"}
    assert (tmp_path / "mine" / "eval" / "run.json").is_file()


def test_missing_weights_and_scans_are_one_line(scans, tmp_path):
    for options, words in (
        (("--weights", str(tmp_path / "none.pt")), "none.pt: no such weights"),
        (("--dataset_dir", str(tmp_path / "out")), "out: no such file or folder"),
        (("--dataset_dir", "20200"), "20200: no such file or folder"),  # which the command line takes for a number
        (("--accept", "nonsense"), "accept 'nonsense': unknown; what can be accepted: missing-slices, "),
    ):
        done = run(scans, tmp_path / "out", *options)
        assert done.returncode == 1
        assert words in done.stderr.strip().splitlines()[-1]
        assert "Traceback" not in done.stderr


def test_a_scan_without_lungs_is_skipped_and_listed_unless_that_is_accepted(scans, tmp_path):
    leg = np.full((40, 40, 4), -1000, np.int16)
    leg[12:28, 12:28] = 60
    nib.save(nib.Nifti1Image(leg, np.diag([-2, -2, 5, 1])), scans / "leg.nii")
    weights = random_weights("efficientnet_lite0", tmp_path / "model.pt")
    done = run(scans, tmp_path / "out", "--weights", str(weights))
    assert done.returncode == 0, done.stderr
    assert "1 of 3 scans skipped:" in done.stdout + done.stderr
    assert "leg.nii: no lungs found" in done.stdout + done.stderr
    assert not (tmp_path / "out" / "leg_infection.nii.gz").exists()
    done = run(scans, tmp_path / "all", "--weights", str(weights), "--all_scans", "true")
    assert done.returncode == 0, done.stderr
    assert "leg: no lungs were found" in done.stdout + done.stderr
    assert (tmp_path / "all" / "leg_infection.nii.gz").exists()


def test_overlong_names_of_values_are_refused_by_the_library(tmp_path):
    with pytest.raises(InputError, match="has no value 'lungs_crop'"):
        Segmenter(lungs_crop=False)
