"""Many tiny scans by processes that are killed at random, beside one that is not: the same table, and flat memory."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import pandas as pd
from matplotlib.figure import Figure

from infnet_monai.bundle_folder import DEFAULT_BUNDLE, find_bundle
from infnet_monai.inference.supervised import resident_gb
from infnet_monai.phantom.phantom import make_phantom

__all__ = ["KillCost", "measure_killed_dask", "measure_killed_parts", "memory_growth_mb"]

SHAPES = 5
POLL_S, SAMPLE_S = 0.2, 1.0
FEWEST_SAMPLES = 30  # of a process, to speak of growth


@dataclass(frozen=True)
class KillCost:
    """What a disturbed run has come to.

    Attributes:
        scans: Number of scans.
        processes: Number of processes at a time.
        kills: Number of processes that were killed.
        undisturbed_s: Seconds of one process that is not disturbed; 0 where it was finished before.
        disturbed_s: Seconds of the run with kills.
        same_table: Whether the sorted lines of both ``statistics.csv`` are the same, byte for byte.
        peak_gb: Largest memory of a process in GB.
        growth_mb: Largest growth of a process between the middle and the last third of its life in MB.
    """

    scans: int
    processes: int
    kills: int
    undisturbed_s: float
    disturbed_s: float
    same_table: bool
    peak_gb: float
    growth_mb: float


def measure_killed_parts(
    folder: str | Path, scans: int = 2000, processes: int = 8, kill_every_s: float = 10.0, seed: int = 0
) -> KillCost:
    """Segment by as many processes as parts, each started again when it has been killed.

    Args:
        folder: Folder for scans and results; a run in it before is resumed.
        scans: Number of scans.
        processes: Number of parts.
        kill_every_s: Mean seconds between two kills; a process needs some of them to load before it can do anything.
        seed: Seed of the moments.
    """
    run = _KilledRun(Path(folder), scans, "parts", kill_every_s, seed)
    return run.measure([("--part", f"{part}/{processes}") for part in range(1, processes + 1)], processes)


def measure_killed_dask(
    folder: str | Path, scans: int = 2000, workers: int = 4, kill_every_s: float = 10.0, seed: int = 0
) -> KillCost:
    """Segment by a local Dask cluster whose workers are killed.

    Args:
        folder: Folder for scans and results; a run in it before is resumed.
        scans: Number of scans.
        workers: Number of worker processes.
        kill_every_s: Mean seconds between two kills.
        seed: Seed of the moments.
    """
    run = _KilledRun(Path(folder), scans, "dask", kill_every_s, seed)
    return run.measure([("--dask", str(workers))], workers)


class _KilledRun:
    def __init__(self, folder: Path, scans: int, name: str, kill_every_s: float, seed: int):
        self.folder, self.scans, self.name, self.kill_every_s = folder, scans, name, kill_every_s
        self.random, self.kills, self.samples = random.Random(seed), 0, []  # type: ignore[var-annotated]
        if not (folder / "bundle").exists():
            _write_scans(folder / "scans", scans)
            _write_bundle(folder / "bundle")

    def command(self, output: str, options: Sequence[str] = ()) -> list[str]:
        fixed = ["--bundle", str(self.folder / "bundle"), "--device", "cpu", "--no-report"]
        start = [sys.executable, "-c", "from infnet_monai.cli import app; app()", "segment"]
        return [*start, str(self.folder / "scans"), "-o", str(self.folder / output), *fixed, *options]

    def measure(self, options: Sequence[Sequence[str]], processes: int) -> KillCost:
        start = time.monotonic()
        if not (self.folder / "undisturbed" / "statistics.csv").exists():
            subprocess.run(self.command("undisturbed"), check=True)
        middle = time.monotonic()
        self._run([self.command(self.name, one) for one in options])
        end = time.monotonic()
        memory = pd.DataFrame(self.samples, columns=["seconds", "process", "memory_gb"])
        memory.to_csv(self.folder / f"{self.name}_memory.csv", index=False)
        _draw(memory, self.folder / f"{self.name}_memory.png")
        tables = [sorted((self.folder / one / "statistics.csv").open("rb")) for one in ("undisturbed", self.name)]
        return KillCost(
            scans=len(tables[0]) - 1,
            processes=processes,
            kills=self.kills,
            undisturbed_s=middle - start,
            disturbed_s=end - middle,
            same_table=tables[0] == tables[1],
            peak_gb=float(memory["memory_gb"].max()),
            growth_mb=memory_growth_mb(memory),
        )

    def _run(self, commands: Sequence[list[str]]) -> None:
        """Run commands to their ends, kill processes now and then, and note their memory."""
        log = (self.folder / f"{self.name}.log").open("ab")
        start, running = time.monotonic(), {}
        try:
            running = {number: subprocess.Popen(one, stdout=log, stderr=log) for number, one in enumerate(commands)}
            next_kill, next_sample = start + self._pause_s(), start
            while running:
                time.sleep(POLL_S)
                now = time.monotonic()
                for number, process in list(running.items()):
                    if process.poll() == -signal.SIGKILL:
                        running[number] = subprocess.Popen(commands[number], stdout=log, stderr=log)
                    elif process.poll() is not None:
                        del running[number]
                        if process.returncode != 0:
                            raise RuntimeError(f"ended with status {process.returncode}: see {log.name}")
                workers = _workers([one.pid for one in running.values()], self.name == "dask")
                if now >= next_sample:
                    self.samples += [(round(now - start, 1), pid, resident_gb(pid)) for pid in workers]
                    next_sample = now + SAMPLE_S
                if now >= next_kill and workers:
                    with suppress(ProcessLookupError):  # it has ended meanwhile
                        os.kill(self.random.choice(workers), signal.SIGKILL)
                    self.kills += 1
                    next_kill = now + self._pause_s()
        finally:
            for process in running.values():
                process.terminate()
            log.close()

    def _pause_s(self) -> float:
        return self.random.expovariate(1 / self.kill_every_s)


def _workers(pids: list[int], of_dask: bool) -> list[int]:
    """Return the processes that segment: these, or the worker processes that they have started."""
    if not of_dask:
        return pids
    lists = [Path(f"/proc/{pid}/task/{pid}/children") for pid in pids]
    children = [int(child) for one in lists if one.exists() for child in one.read_text().split()]
    return [child for child in children if "spawn_main" in _command_of(child)]


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def memory_growth_mb(memory: pd.DataFrame) -> float:
    """Return the largest growth of a process between the middle and the last third of its life, in MB.

    Args:
        memory: Columns ``process`` and ``memory_gb``, in the order of time; processes of less than 30 rows do not
            count.

    Returns:
        The difference of the medians; NaN where no process lived long enough.
    """
    grown = [float("nan")]
    for _, one in memory.groupby("process")["memory_gb"]:
        third = len(one) // 3
        if len(one) >= FEWEST_SAMPLES:
            grown.append(1000 * (one.iloc[-third:].median() - one.iloc[third : 2 * third].median()))
    return float(pd.Series(grown).max())


def _draw(memory: pd.DataFrame, path: Path) -> None:
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    for _, one in memory.groupby("process"):
        axes.plot(one["seconds"], one["memory_gb"], linewidth=0.8)
    axes.set(xlabel="seconds", ylabel="memory of each process, GB", ylim=(0, None))
    figure.savefig(path, dpi=150)


def _write_scans(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for k in range(count):
        path = folder / f"ct_{k}.nii"
        if k < SHAPES:
            phantom = make_phantom(k, shape=(44, 36, 11), spacing_mm=(8.0, 8.0, 20.0))
            nib.save(nib.Nifti1Image(phantom.image, phantom.affine), path)
        else:
            shutil.copy(folder / f"ct_{k % SHAPES}.nii", path)


def _write_bundle(folder: Path) -> None:
    """Write the default bundle with slices of 64 x 64, whose results mean nothing but are soon there."""
    shutil.copytree(find_bundle(DEFAULT_BUNDLE), folder)
    path = folder / "configs" / "inference.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"image_size": [64, 64]}
    path.write_text(json.dumps(config), encoding="utf-8")
