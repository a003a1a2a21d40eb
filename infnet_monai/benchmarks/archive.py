"""Time and memory to summarise a folder of many results, and to resume behind them."""

from __future__ import annotations

import resource
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infnet_monai.inference.batch import segment_scans
from infnet_monai.inference.batch_options import BatchOptions
from infnet_monai.inference.outcomes import FAILED, SKIPPED, Outcome, Outcomes
from infnet_monai.inference.record import MadeBy, ScanRecord
from infnet_monai.inference.result_writers import wanted_writers
from infnet_monai.inference.segmenter import Segmenter
from infnet_monai.inference.statistics import LesionStatistics
from infnet_monai.inference.summary import summarise
from infnet_monai.reporting.overlay import ViewerSlice
from infnet_monai.reporting.slice_sheet import write_slice_sheet
from infnet_monai.run_record import RunRecord
from infnet_monai.scans.source import ScanSource

__all__ = ["ArchiveCost", "measure_archive", "write_archive"]

WITHOUT_RESULTS = {7: SKIPPED, 8: FAILED}  # of each ten scans


@dataclass(frozen=True)
class ArchiveCost:
    """Time and memory on this machine.

    Attributes:
        scans: Number of scans in the folder.
        summarise_s: Seconds to write table, report and run record.
        page_mb: Size of the first page of the report in MB.
        resume_s: Seconds to start again on scans that are all finished, with table, report and run record.
        peak_memory_gb: Largest memory of this process in GB, PyTorch and MONAI included.
    """

    scans: int
    summarise_s: float
    page_mb: float
    resume_s: float
    peak_memory_gb: float


def measure_archive(scans: int = 20_000, folder: str | Path | None = None) -> ArchiveCost:
    """Measure summaries of results that are made up, of which one in ten failed and one in ten was skipped.

    Args:
        scans: Number of scans.
        folder: Folder for the results, which is kept; a temporary one by default.
    """
    with ExitStack() as held:
        output = Path(folder or held.enter_context(tempfile.TemporaryDirectory()))
        segmenter = Segmenter(device="cpu")
        found = write_archive(output / "out", output / "scans", scans, segmenter)
        start = time.perf_counter()
        summary = summarise(output / "out")
        summarised = time.perf_counter()
        segment_scans(found, output / "out", segmenter, BatchOptions(progress=False))
        resumed = time.perf_counter()
        page_mb = (output / "out" / "report.html").stat().st_size / 1e6
        peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        return ArchiveCost(len(summary.states), summarised - start, page_mb, resumed - summarised, peak_gb)


def write_archive(output_dir: Path, scan_dir: Path, scans: int, segmenter: Segmenter) -> list[ScanSource]:
    """Write results that are made up: records, outcomes, pictures that are all the same, and empty masks.

    Args:
        output_dir: Folder of the results.
        scan_dir: Folder of the scans, of a byte each.
        scans: Number of scans.
        segmenter: The bundle that the records name.

    Returns:
        The scans that have results.
    """
    random = np.random.default_rng(0)
    weights = RunRecord("cpu", segmenter.weights).weights_sha256
    output_dir.mkdir(parents=True)
    scan_dir.mkdir()
    noise = random.integers(0, 255, (48, 192, 256, 3), dtype=np.uint8) // 4
    sheet = output_dir / ".sheet"
    write_slice_sheet([ViewerSlice(k, pixels, int(k == 20)) for k, pixels in enumerate(noise)], sheet)
    outcomes, found = Outcomes(output_dir), []
    for k in range(scans):
        name, status = f"ct_{k}", WITHOUT_RESULTS.get(k % 10)
        if status:
            outcomes.write(Outcome(name, status, "a localizer" if status == SKIPPED else f"{name}.nii.gz: truncated"))
            continue
        scan = ScanSource(scan_dir / f"{name}.nii", name)
        scan.path.write_bytes(b"0")
        made_by = MadeBy(scan.identity(hashed=True), segmenter.name, segmenter.version, weights, segmenter.settings)
        _record(name, made_by, random, k).write(output_dir / f"{name}.json")
        for writer in wanted_writers(["report"]):
            target = output_dir / f"{name}{writer.ending}"
            if writer.ending == "_slices.jpg":
                target.hardlink_to(sheet)
            else:
                target.touch()
        found.append(scan)
    return found


def _record(name: str, made_by: MadeBy, random: np.random.Generator, k: int) -> ScanRecord:
    lesion_ml, lung_ml = float(random.gamma(1, 100)), float(random.normal(4500, 300))
    percent = 100 * lesion_ml / lung_ml
    statistics = LesionStatistics(
        lesion_ml,
        lung_ml,
        lung_ml / 2,
        lung_ml / 2,
        percent,
        percent,
        percent,
        300,
        80,
        12,
        lesion_ml / 2,
        -300.5,
        False,
    )
    warnings = ("the scan does not cover the whole lungs: they reach its highest slice",) if k % 10 == 3 else ()
    return ScanRecord(name, made_by, "hu", True, warnings, statistics, seconds={"read": 1.0, "network": 9.0})
