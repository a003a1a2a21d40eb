"""``infnet segment`` over phantom scans, killed at random moments, beside an undisturbed run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from band_network import OVERRIDES, BandNetwork
from kills import run_with_kills

from infnet_monai.phantom.phantom import make_phantom

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from infnet_monai.cli import app; app()", "segment"]


def write_band_bundle(folder: Path) -> Path:
    """Write a bundle of its own folder, whose network is the band network."""
    shutil.copytree(ROOT / "bundles" / "infnet_efficientnet_lite0" / "configs", folder / "configs")
    path = folder / "configs" / "inference.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | OVERRIDES))
    (folder / "models").mkdir()
    torch.save(BandNetwork().state_dict(), folder / "models" / "model.pt")
    return folder


def write_scans(folder: Path, count: int, shape=(44, 36, 11), spacing_mm=(8.0, 8.0, 20.0)) -> Path:
    """Write phantom scans, every third in a subfolder."""
    for k in range(count):
        phantom = make_phantom(k, shape=shape, spacing_mm=spacing_mm)
        path = folder / ("ward" if k % 3 == 2 else "") / f"chest_{k}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(phantom.image, phantom.affine), path)
    return folder


def environment() -> dict[str, str]:
    """Return the environment of a process that finds this tree and the tests' modules."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), "OMP_NUM_THREADS": "1"}


class KilledSegmenting:
    """Scans, a bundle and the results of an undisturbed run.

    Args:
        folder: Empty folder for all of them.
        scans: Number of scans.
    """

    def __init__(self, folder: Path, scans: int):
        self.folder = folder
        self.scans = write_scans(folder / "scans", scans)
        self.bundle = write_band_bundle(folder / "bundle")
        self.undisturbed = folder / "undisturbed"
        subprocess.run(self.command(self.undisturbed), env=environment(), check=True, capture_output=True)

    def command(self, output: Path) -> list[str]:
        """Return the command that writes into a folder."""
        options = ["--bundle", str(self.bundle), "--device", "cpu", "--probability", "-o", str(output)]
        return [*COMMAND, str(self.scans), *options]

    def check(self, kills: int, seed: int, signal: int) -> None:
        """Kill runs into a new folder while they work, and compare what they end with.

        Args:
            kills: Number of kills.
            seed: Seed of their moments.
            signal: The signal.
        """
        output = self.folder / f"killed-{int(signal)}-{seed}"
        work_s = sum(json.loads((self.undisturbed / "run.json").read_text())["seconds"].values())
        command = self.command(output)
        run_with_kills(command, kills, seed, signal, environment(), after="Scans:", within_s=2 * work_s / kills)
        assert_same_results(output, self.undisturbed)


def assert_same_results(output: Path, expected: Path) -> None:
    """Check that two folders hold the same, except for times."""
    names = sorted(path.relative_to(expected).as_posix() for path in expected.rglob("*") if path.is_file())
    assert sorted(path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()) == names
    assert len([name for name in names if name.endswith("_infection.nii.gz")]) > 0
    for name in names:
        if name.endswith(".nii.gz"):
            one, two = nib.load(output / name), nib.load(expected / name)
            assert np.asarray(one.dataobj).tobytes() == np.asarray(two.dataobj).tobytes(), name
            assert np.array_equal(one.affine, two.affine), name
        elif name == "run.json":
            one, two = (json.loads((folder / name).read_text()) for folder in (output, expected))
            assert one["scans"] == two["scans"]
            assert one["failures"] == two["failures"] == {}
        elif name.endswith(".json"):
            one, two = (json.loads((folder / name).read_text()) for folder in (output, expected))
            assert one.pop("seconds", {}).keys() == two.pop("seconds", {}).keys()  # outcomes have none
            assert one == two, name
        elif name.endswith((".csv", ".png")):
            assert (output / name).read_bytes() == (expected / name).read_bytes(), name
