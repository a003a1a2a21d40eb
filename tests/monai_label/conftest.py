"""Two small bundles with weights, and MONAI Label's server with them."""

import json
import os
import subprocess
from pathlib import Path

import nibabel as nib
import pytest
import torch
from running_label_server import ROOT, LabelServer
from torch.nn import functional

from infnet_monai.bundle.generate import BundleEntry, write_bundle
from infnet_monai.networks import InfNet, get_backbone
from infnet_monai.phantom.phantom import Phantom, make_phantom

SMALL = {"image_size": [64, 64], "batch_size": 4, "learning_rate": 1e-2, "decay_epoch": 1000}
BACKBONES = ("efficientnet_lite0", "resnet18")
TEACHING_STEPS = 25


def set_values(path, **values):
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {name: value for name, value in values.items() if name in config}))


def teach(network, backbone, chest):
    """Let a network mark what is bright: a few seconds, and its mask is neither empty nor all of the slice."""
    grey = torch.from_numpy(chest.image).permute(2, 0, 1)[:, None].float()
    grey = functional.interpolate(grey.add(1350).div(1500).clip(0, 1), SMALL["image_size"])
    images = ((grey - backbone.mean[0]) / backbone.std[0]).repeat(1, 3, 1, 1)
    bright = (grey > 0.5).float()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(TEACHING_STEPS):
        maps = network.train()(images)[:4]
        loss = sum(functional.binary_cross_entropy_with_logits(logits, bright) for logits in maps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def small_bundle(folder, name, chest):
    """A bundle for small slices, with weights."""
    bundle = write_bundle(BundleEntry(name, name), folder)
    for config in ("inference.json", "train.json"):
        set_values(bundle / "configs" / config, **SMALL)
    torch.manual_seed(0)
    network = InfNet(name)
    teach(network, get_backbone(name), chest)
    (bundle / "models").mkdir()
    torch.save(network.state_dict(), bundle / "models" / "model.pt")
    return bundle


@pytest.fixture(scope="session")
def chests() -> dict[str, Phantom]:
    return {name: make_phantom(seed, (72, 60, 11), (4.9, 4.9, 19.6)) for seed, name in enumerate(("a", "b", "c"))}


@pytest.fixture(scope="session")
def label_bundles(tmp_path_factory, chests) -> list[Path]:
    folder = tmp_path_factory.mktemp("bundles")
    return [small_bundle(folder, backbone, chests["a"]) for backbone in BACKBONES]


@pytest.fixture(scope="session")
def label_python() -> Path:
    """The Python of MONAI Label's environment, which `make label-env` sets up where it is not there yet."""
    done = subprocess.run(["make", "--silent", "label-env"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"MONAI Label cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    return ROOT / os.environ.get("LABEL_VENV", ".venv-label") / "bin" / "python"


@pytest.fixture(scope="module")
def server(tmp_path_factory, label_python, label_bundles, chests):
    """A running server with both bundles and the three phantoms."""
    server = LabelServer(label_python, tmp_path_factory.mktemp("server"), label_bundles)
    server.studies.mkdir()
    for name, chest in chests.items():
        nib.save(nib.Nifti1Image(chest.image, chest.affine), server.studies / f"{name}.nii.gz")
    yield server.start()
    server.stop()
