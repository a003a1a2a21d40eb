"""Workflows that are killed in all ways that happen, and what has to come out in the end."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import torch
from kills import run_with_kills

# Number of moments of each kind: more for a long trial.
KILLS = int(os.environ.get("INFNET_KILLS", "1"))
LONGEST_S = float(os.environ.get("INFNET_KILL_WITHIN_S", "40"))
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}


def run_through_kills(script, arguments, output, seed):
    """Run a workflow to its end through SIGTERM, the loss of all its processes, and SIGKILL of the first one alone."""
    command = [sys.executable, str(script), *(str(argument) for argument in arguments)]
    moments = random.Random(seed)
    for _ in range(KILLS):
        status, text = _interrupt(command, moments.uniform(2, LONGEST_S), signal.SIGTERM)
        assert status in (0, 130, -signal.SIGTERM), text  # the last while Python is starting
        assert "Traceback" not in text
        assert status != 130 or "Interrupted. Run the same command again to resume." in text
        assert not processes_of(output), "the training continues after its parent was terminated"
        _interrupt(command, moments.uniform(2, LONGEST_S), signal.SIGKILL)
        for process in processes_of(output):
            os.kill(process, signal.SIGKILL)
    run_with_kills(command, KILLS, seed, signal.SIGKILL, ENVIRONMENT, None)


def _interrupt(command, moment_s, number):
    process = subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    try:
        text, _ = process.communicate(timeout=moment_s)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        text, _ = process.communicate()
    print(f"signal {int(number)} after {moment_s:.1f} s: status {process.returncode}")
    return process.returncode, text


def processes_of(output):
    """Process ids of the trainings and evaluations that write to a folder."""
    commands = {int(path.parent.name): _read(path) for path in Path("/proc").glob("[0-9]*/cmdline")}
    return [
        process for process, command in commands.items() if b"monai.bundle" in command and str(output) in str(command)
    ]


def _read(path):
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def assert_same_results(output, undisturbed, tables, models, times=()):
    """Tables and weights are those of an undisturbed workflow."""
    for name in tables:
        one, other = (
            pd.read_csv(folder / name).drop(columns=list(times), errors="ignore") for folder in (output, undisturbed)
        )
        pd.testing.assert_frame_equal(one, other)
    for name in models:
        one, other = (torch.load(folder / name, weights_only=True) for folder in (output, undisturbed))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one), name
    assert not list(output.rglob("*.pth"))
