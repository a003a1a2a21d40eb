"""Folders of damaged scans beside a good one, searched, listed and segmented in child processes.

python tests/fuzzing.py --damages 500 --seed 1        the long form, several minutes
"""

from __future__ import annotations

import argparse
import csv
import faulthandler
import json
import logging
import os
import re
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import torch
from band_network import OVERRIDES, BandNetwork
from fuzzed_files import Damage, write_damaged
from fuzzed_volumes import phantom
from typer.testing import CliRunner

from infnet_monai.cli import app
from infnet_monai.inference import BatchOptions, Segmenter, segment_scans

MEMORY_BYTES = 4 << 30  # beside what the process has when it starts
SECONDS_A_SCAN = 60
SAME = 0.02
GOOD = "good"


@dataclass
class Findings:
    """What became of damaged scans.

    Attributes:
        outcomes: Number of scans by what became of them.
        wrong: What must not be, one line each.
        unnoticed: Damages after which a scan has other volumes and no warning, for a person to look at.
        slowest_s: Seconds that the slowest folder took for a scan.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    unnoticed: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


class Fuzzing:
    """Damaged scans and what is done with them.

    Args:
        folder: Empty folder for all of them.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        weights = folder / "model.pt"
        torch.save(BandNetwork().state_dict(), weights)
        self.segmenter = Segmenter(device="cpu", weights=weights, **OVERRIDES)
        self.findings = Findings()

    def try_damages(self, seeds: Sequence[int]) -> None:
        """Damage a scan for each seed, and segment the folder of all; where that process dies, each by itself."""
        work = self.folder / f"{seeds[0]}-{len(seeds)}"
        scans = work / "scans"
        scans.mkdir(parents=True)
        nib.save(nib.Nifti1Image(phantom().image, phantom().affine), scans / f"{GOOD}.nii.gz")
        damages = [write_damaged(scans, seed) for seed in seeds]
        before = _listing(work)
        start = time.monotonic()
        died = self._in_child(scans, work / "out", SECONDS_A_SCAN + 2 * len(seeds))
        self.findings.slowest_s = max(self.findings.slowest_s, (time.monotonic() - start) / len(seeds))
        if not died:
            self._judge(work, damages, before)
        elif len(seeds) > 1:
            for seed in seeds:
                self.try_damages([seed])
        else:
            log = (work / "out.log").read_text(errors="replace").strip().splitlines()
            self.findings.wrong.append(f"{_said(damages[0])}: {died}: {' | '.join(log[:12])}")

    def _in_child(self, scans: Path, output: Path, seconds: float) -> str:
        """Return why a process that lists and segments the scans has died; empty where it has not."""
        process = os.fork()
        if not process:
            self._be_child(scans, output)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                return "" if code == 0 else f"ended with {code}"
            time.sleep(0.02)
        os.kill(process, signal.SIGABRT)
        os.waitpid(process, 0)
        return f"still at work after {seconds:.0f} s"

    def _be_child(self, scans: Path, output: Path) -> None:
        code = 1
        try:
            with open(f"{output}.log", "w") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
                faulthandler.enable(log)
                used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES,) * 2)
                listed = CliRunner().invoke(app, ["scans", str(scans), "--csv", str(output.with_suffix(".csv"))])
                if listed.exception is not None:
                    raise listed.exception
                segment_scans([scans], output, self.segmenter, BatchOptions(progress=False))
                code = 0
        except BaseException:  # whatever it is, its traceback goes into the log
            logging.exception("the child process failed")
        finally:
            os._exit(code)

    def _judge(self, work: Path, damages: Sequence[Damage], before: set[str]) -> None:
        with open(work / "out" / "statistics.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        with open(work / "out.csv", newline="") as file:
            listed = [row["name"] for row in csv.DictReader(file)]
        (good,) = (row for row in rows if row["scan"] == GOOD)
        states = json.loads((work / "out" / "run.json").read_text())["scans"]
        self._expect(good["status"] == "done", f"the good scan: {good}")
        self._expect(set(states) == set(listed), f"listed are {listed}, segmented {list(states)}")
        new = {name for name in _listing(work) - before if not name.startswith(("out/", "out.csv", "out.log"))}
        self._expect(not new - {"out"}, f"written elsewhere: {new}")
        left = [
            name
            for name in _listing(work / "out")
            if Path(name).name.startswith(".") and Path(name).name != ".outcomes"
        ]
        self._expect(not left, f"left behind: {left}")
        for damage in damages:
            self._judge_one(damage, [row for row in rows if row["scan"].startswith(damage.name)], good)

    def _judge_one(self, damage: Damage, rows: Sequence[dict[str, str]], good: dict[str, str]) -> None:
        self._expect(bool(rows), f"{_said(damage)}: is not listed at all")
        for row in rows:
            text = row["message"] + row["warnings"]
            self._expect(text.isprintable(), f"{_said(damage)}: not one printable line: {text!r}")
            self._expect("Traceback" not in text and len(text) < 2000, f"{_said(damage)}: {text[:3000]!r}")
            if row["status"] == "failed":
                self._expect(damage.name in row["message"], f"{_said(damage)}: does not name the scan: {text}")
                foreign = [word for word in ("TypeError", "ValueError", "Attribute", "MemoryError") if word in text]
                self._expect(not foreign, f"{_said(damage)}: a reason for programmers: {text}")
        done = [row for row in rows if row["status"] == "done"]
        warned = [row for row in rows if _kinds(row) - _kinds(good) or row["status"] == "failed"]
        differs = [row for row in done if not _same_volumes(row, good)]
        outcome = "done with a warning" if warned else "done as without damage"
        if differs and not warned:
            outcome = "done, other volumes"
            self.findings.unnoticed.append(f"{_said(damage)}: {differs[0]['lesion_volume_ml']} ml")
            self._expect(not damage.shows, f"{_said(damage)}: no warning of other volumes")
        self.findings.outcomes[outcome if done else "/".join(sorted({row["status"] for row in rows})) or "-"] += 1

    def _expect(self, holds: bool, message: str) -> None:
        if not holds:
            self.findings.wrong.append(message)


def _said(damage: Damage) -> str:
    return f"{damage.name} ({damage.what})"


def _listing(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def _kinds(row: dict[str, str]) -> set[str]:
    """Return the warnings of a scan without their numbers."""
    return set(re.sub(r"[\d.]+", "", row["warnings"]).split("; "))


def _same_volumes(row: dict[str, str], good: dict[str, str]) -> bool:
    names = ("lesion_volume_ml", "lung_volume_ml")
    return all(row[name] and abs(float(row[name]) / float(good[name]) - 1) < SAME for name in names)


def main() -> None:
    """Try damages and print what became of the scans; the status says whether all was as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--damages", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first damage; each further one has the next")
    parser.add_argument("--folder", type=int, default=25, help="damaged scans in a folder")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # pydicom warns of what is written here
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    torch.set_num_threads(1)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        fuzzing = Fuzzing(Path(folder))
        seeds = range(arguments.seed, arguments.seed + arguments.damages)
        for k in range(0, len(seeds), arguments.folder):
            fuzzing.try_damages(seeds[k : k + arguments.folder])
    found = fuzzing.findings
    for line in found.wrong:
        print(f"wrong: {line}")
    for line in found.unnoticed:
        print(f"other volumes: {line}")
    print(f"{arguments.damages} damages in {time.monotonic() - start:.0f} s: {dict(found.outcomes)}")
    sys.exit(bool(found.wrong))


if __name__ == "__main__":
    main()
