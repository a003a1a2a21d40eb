"""Parts of many tiny scans, each by a process that is killed at random moments, beside one undisturbed run."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nibabel as nib
import numpy as np
from killed_segmenting import COMMAND, assert_same_results, environment, write_band_bundle
from kills import run_with_kills

from infnet_monai.phantom.phantom import make_phantom

PARTS = 4
SHAPES = 5
EVERY_SKIPPED = 20  # of so many scans one is a leg


def write_tiny_scans(folder: Path, count: int) -> Path:
    """Write copies of a few tiny phantoms and legs, a quarter of them in a subfolder."""
    originals = folder.parent / "originals"
    originals.mkdir()
    for k in range(SHAPES):
        phantom = make_phantom(k, shape=(44, 36, 11), spacing_mm=(8.0, 8.0, 20.0))
        nib.save(nib.Nifti1Image(phantom.image, phantom.affine), originals / f"{k}.nii")
    leg = np.full((20, 20, 4), -1000, np.int16)
    leg[6:14, 6:14] = 60
    nib.save(nib.Nifti1Image(leg, np.diag([-2, -2, 5, 1])), originals / "leg.nii")
    for k in range(count):
        path = folder / ("ward" if k % 4 == 0 else "") / f"ct_{k}.nii"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(originals / ("leg.nii" if k % EVERY_SKIPPED == 7 else f"{k % SHAPES}.nii"), path)
    return folder


class KilledParts:
    """Tiny scans, a bundle and the results of one undisturbed process.

    Args:
        folder: Empty folder for all of them.
        scans: Number of scans.
    """

    def __init__(self, folder: Path, scans: int):
        self.folder = folder
        self.scans = write_tiny_scans(folder / "scans", scans)
        self.bundle = write_band_bundle(folder / "bundle")
        self.undisturbed = folder / "undisturbed"
        subprocess.run(self.command(self.undisturbed), env=environment(), check=True, capture_output=True)

    def command(self, output: Path, *options: str) -> list[str]:
        """Return the command that writes into a folder."""
        fixed = ["--bundle", str(self.bundle), "--device", "cpu", "--no-report", "-o", str(output)]
        return [*COMMAND, str(self.scans), *fixed, *options]

    def check(self, kills: int, seed: int, signal: int) -> None:
        """Kill each part a number of times while it works, all parts at once, and compare what they end with.

        Args:
            kills: Number of kills of each part.
            seed: Seed of their moments.
            signal: The signal.
        """
        output = self.folder / f"parts-{int(signal)}-{seed}"
        work_s = sum(json.loads((self.undisturbed / "run.json").read_text())["seconds"].values())

        def run(part: int) -> None:
            command = self.command(output, "--part", f"{part}/{PARTS}")
            within_s = 2 * work_s / PARTS / max(kills, 1)
            run_with_kills(command, kills, seed + part, signal, environment(), after="Scans:", within_s=within_s)

        with ThreadPoolExecutor(PARTS) as pool:
            list(pool.map(run, range(1, PARTS + 1)))
        assert_same_results(output, self.undisturbed)
        run_records = [json.loads((one / "run.json").read_text()) for one in (output, self.undisturbed)]
        for name in ("scans", "skipped", "warnings"):
            assert run_records[0][name] == run_records[1][name]
        table = (output / "statistics.csv").read_bytes()
        summarised = [sys.executable, "-c", COMMAND[2], "summarise", str(output), "--no-report"]
        subprocess.run(summarised, env=environment(), check=True, capture_output=True)
        assert (output / "statistics.csv").read_bytes() == table
