"""CPU seconds until a command answers, each measured in a process of its own."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

__all__ = ["StartCost", "measure_start"]

COMMAND = "from infnet_monai.cli import app; app()"
FIND = "import sys; from infnet_monai.scans.find import find_scans; scans = find_scans(sys.argv[1:])"
READ = "import infnet_monai.inference.batch; from infnet_monai.scans.load import load_scan; load_scan(scans[0])"


@dataclass(frozen=True)
class StartCost:
    """CPU seconds on this machine, the median of several starts.

    Attributes:
        help_s: ``infnet --help``.
        version_s: ``infnet version``.
        scan_found_s: From the start of ``infnet segment`` until the header of the first scan is read, and it is known
            to be no label volume.
        scan_read_s: Until the voxels of the first scan are read, PyTorch and MONAI included.
    """

    help_s: float
    version_s: float
    scan_found_s: float
    scan_read_s: float


def measure_start(repeats: int = 3) -> StartCost:
    """Measure the start of commands.

    Args:
        repeats: Number of starts of each.
    """
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / "ct.nii.gz"
        voxels = np.random.default_rng(0).integers(-1000, 400, (64, 64, 16)).astype(np.int16)
        nib.save(nib.Nifti1Image(voxels, np.diag([-1.0, -1.0, 2.0, 1.0])), scan)
        find = f"import infnet_monai.cli; {FIND}"
        return StartCost(
            help_s=_median_cpu_s(repeats, COMMAND, "--help"),
            version_s=_median_cpu_s(repeats, COMMAND, "version"),
            scan_found_s=_median_cpu_s(repeats, find, str(scan)),
            scan_read_s=_median_cpu_s(repeats, f"{find}; {READ}", str(scan)),
        )


def _median_cpu_s(repeats: int, code: str, *arguments: str) -> float:
    return statistics.median(_cpu_s([sys.executable, "-c", code, *arguments]) for _ in range(repeats))


def _cpu_s(command: Sequence[str]) -> float:
    """Return the CPU seconds of a process, those of the system included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
