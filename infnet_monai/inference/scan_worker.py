"""Scans that other processes segment: what each process needs, and the run from the list of scans to the summary."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from infnet_monai.bundle_folder import DEFAULT_BUNDLE
from infnet_monai.errors import InputError
from infnet_monai.inference.batch import ScanBatch, find_inputs, probe_folder, summarise_run
from infnet_monai.inference.batch_options import BatchOptions, BatchResult
from infnet_monai.inference.outcomes import FAILED, SKIPPED, Outcome, Outcomes
from infnet_monai.inference.segmenter import Segmenter
from infnet_monai.inference.summary import note_scans, unfinished_scans
from infnet_monai.scans.source import ScanSource
from infnet_monai.stage import StageBusy

__all__ = ["ScanJob", "ScanLimits", "ScanWorker", "ScanWorkers", "note_failure", "segment_scans_by"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScanLimits:
    """What a single scan may take.

    Attributes:
        seconds: Seconds for one scan, without loading the bundle; ``None`` for any number.
        memory_gb: Memory of the process that segments it in GB (10^9 bytes), PyTorch and the network included;
            ``None`` for any amount.

    Raises:
        InputError: A limit is not above 0.
    """

    seconds: float | None = None
    memory_gb: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("--scan-timeout", self.seconds), ("--scan-memory", self.memory_gb)):
            if value is not None and not value > 0:
                raise InputError(f"{name} {value}: expected a number above 0, or leave it out for no limit")

    def __bool__(self) -> bool:
        return self.seconds is not None or self.memory_gb is not None


@dataclass(frozen=True)
class ScanJob:
    """All that a process needs to segment scans; can be sent to another process or machine.

    Attributes:
        output_dir: Folder of the results, the same for all processes.
        options: Which scans, and what is written.
        bundle: Folder of a bundle, or the name of one of this project's.
        device: Device of the network; a GPU where there is one by default.
        weights: File of the network's weights; those of the bundle by default.
        overrides: Values of the bundle's ``inference.json``.
        limits: What a single scan may take.
        started: Start of the run by the clock of the folder's file system; set by :func:`segment_scans_by`.
    """

    output_dir: Path
    options: BatchOptions = field(default_factory=BatchOptions)
    bundle: str | Path = DEFAULT_BUNDLE
    device: str | None = None
    weights: Path | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    limits: ScanLimits = field(default_factory=ScanLimits)
    started: float = 0.0


class ScanWorker:
    """A loaded bundle that segments one scan after the other for a job.

    Args:
        job: The job.

    Raises:
        InputError: The bundle cannot be loaded.
    """

    def __init__(self, job: ScanJob):
        segmenter = Segmenter(job.bundle, job.device, job.weights, **job.overrides)
        self._batch = ScanBatch(job.output_dir, segmenter, replace(job.options, progress=False), job.started)

    @property
    def facts(self) -> dict[str, Any]:
        """Facts of the run for ``run.json``."""
        return self._batch.run.as_dict()

    def segment(self, scan: ScanSource) -> BatchResult | None:
        """Segment a scan, or take its finished results.

        Args:
            scan: The scan.

        Returns:
            What became of it; ``None`` where another process works on it.
        """
        self._batch.result = BatchResult()  # only of this scan, so that memory does not grow with their number
        try:
            self._batch.add_one(scan, wait=False)
        except StageBusy:
            return None
        return self._batch.result


class ScanWorkers(Protocol):
    """Processes that segment the scans of a job."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Facts of the run for ``run.json``."""

    def results(self, scans: Sequence[ScanSource]) -> Iterator[BatchResult]:
        """Yield what became of each scan, in any order.

        Args:
            scans: The scans, each of which is yielded once.
        """


def segment_scans_by(
    workers: Callable[[ScanJob], AbstractContextManager[ScanWorkers]],
    inputs: Sequence[str | Path | ScanSource],
    job: ScanJob,
) -> BatchResult:
    """Segment scans as :func:`infnet_monai.inference.segment_scans` does, by other processes.

    Args:
        workers: Starts the processes for a job, and ends them.
        inputs: Files, folders, and scans that have been found.
        job: What is to be done.

    Returns:
        What became of each scan.

    Raises:
        InputError: There are no scans, a file that is asked for cannot be written, the folder cannot be written to, or
            the bundle cannot be loaded.
    """
    options, output_dir = job.options, Path(job.output_dir).resolve()
    places = [one if isinstance(one, ScanSource) else Path(one).resolve() for one in inputs]
    scans = find_inputs(places, output_dir, options)
    job = replace(job, output_dir=output_dir, started=probe_folder(output_dir))
    names = [scan.name for scan in scans]
    wanted = options.wanted(scans)
    result, facts = BatchResult(), None
    try:
        with workers(job) as started:
            facts = started.facts
            note_scans(output_dir, facts, names)
            with tqdm(total=len(wanted), desc="Scans", unit="scan", disable=not options.progress) as bar:
                for one in started.results(wanted):
                    result.update(one)
                    bar.update()
    finally:  # after Ctrl-C, too, there are a table and a report of what is done
        if facts is not None:
            result.files = summarise_run(output_dir, facts, names, _unwritten(output_dir, result), options)
    return result.in_order(names)


def note_failure(output_dir: Path, scan: ScanSource, message: str) -> BatchResult:
    """Say and note why a scan has no results, where the process that worked on it cannot.

    Args:
        output_dir: Folder of the results.
        scan: The scan.
        message: One line.

    Returns:
        What became of the scan.
    """
    logger.error("%s", message)
    Outcomes(output_dir).write(Outcome(scan.name, FAILED, message))
    return BatchResult(failures={scan.name: message})


def _unwritten(output_dir: Path, result: BatchResult) -> list[Outcome]:
    """Return the outcomes that could not be written, e.g. to a full disk."""
    outcomes = [Outcome(name, FAILED, line) for name, line in result.failures.items()]
    outcomes += [Outcome(name, SKIPPED, line) for name, line in result.skipped.items()]
    missing = set(unfinished_scans(output_dir, [outcome.scan for outcome in outcomes]))
    return [outcome for outcome in outcomes if outcome.scan in missing]
