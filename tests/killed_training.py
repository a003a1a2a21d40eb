"""A training of six epochs, killed at random moments, beside an undisturbed one."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import torch
from kills import run_with_kills
from tiny_cases import write_tiny_dataset

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "bundles" / "infnet_efficientnet_lite0" / "configs" / "train.json"
OVERLAY = CONFIG.with_name("train_best.json")
OPTIONS = {
    "network_def#backbone": "resnet18",
    "image_size": "[32,32]",
    "pretrained": "false",
    "amp": "false",
    "device": "cpu",
    "batch_size": "3",
    "epochs": "6",
    "resume": "auto",
}


class KilledTraining:
    """A data set and an undisturbed training.

    Args:
        folder: Empty folder for all of them.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.dataset = write_tiny_dataset(folder / "data")
        self.undisturbed = folder / "undisturbed"
        start = time.monotonic()
        subprocess.run(self.command(self.undisturbed), env=environment(), cwd=ROOT, check=True, capture_output=True)
        self.seconds = time.monotonic() - start

    def command(self, output: Path) -> list[str]:
        """Return the command that trains in a folder."""
        places = {"dataset_dir": self.dataset, "ckpt_dir": output / "models", "output_dir": output / "eval"}
        options = [word for name, value in (OPTIONS | places).items() for word in (f"--{name}", str(value))]
        files = str([str(CONFIG), str(OVERLAY)])
        return [sys.executable, "-m", "monai.bundle", "run", "training", "--config_file", files, *options]

    def check(self, kills: int, seed: int, signal: int) -> None:
        """Kill trainings in a new folder while they work, and compare what they end with.

        Args:
            kills: Number of kills.
            seed: Seed of their moments.
            signal: The signal.
        """
        output = self.folder / f"killed-{int(signal)}-{seed}"
        command = self.command(output)
        # the clock starts with the training; most of the time before it is spent on imports
        run_with_kills(command, kills, seed, signal, environment(), ROOT, after="Training infnet", within_s=4.0)
        assert_same_training(output, self.undisturbed)


def environment() -> dict[str, str]:
    """Return the environment of a training that finds this tree."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}


def assert_same_training(output: Path, expected: Path) -> None:
    """Check that two folders hold the same weights, learning curve and record, except for times and places."""
    one, two = (torch.load(folder / "models" / "model.pt", weights_only=True) for folder in (output, expected))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)
    tables = [pd.read_csv(folder / "eval" / "metrics.csv") for folder in (output, expected)]
    pd.testing.assert_frame_equal(*tables)
    records = [json.loads((folder / "eval" / "run.json").read_text()) for folder in (output, expected)]
    assert records[0]["best_val_dice"] == records[1]["best_val_dice"]
    assert not list(output.rglob(".*-*")), "a draft is left"
