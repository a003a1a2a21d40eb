"""Segmentation of any number of scans by any number of processes, with files for each and a summary of all."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from tqdm import tqdm

from infnet_monai.errors import InputError, one_line
from infnet_monai.inference.batch_options import BatchOptions, BatchResult
from infnet_monai.inference.outcomes import FAILED, SKIPPED, Outcome, Outcomes
from infnet_monai.inference.pipeline import OVERLAP_VOXELS, StagedWork, StoppableTimer, run_overlapping
from infnet_monai.inference.record import MadeBy, ScanRecord
from infnet_monai.inference.result_writers import (
    ProbabilityWriter,
)
from infnet_monai.inference.scan_checks import NO_LUNGS
from infnet_monai.inference.scan_results import ScanResults
from infnet_monai.inference.segmenter import PreparedScan, Segmenter
from infnet_monai.inference.summary import note_scans, summarise, unfinished_scans
from infnet_monai.run_record import RunRecord, StageTimer
from infnet_monai.scans.acceptance import ScanSkipped
from infnet_monai.scans.find import find_scans
from infnet_monai.scans.source import ScanSource
from infnet_monai.stage import StageBusy, naming_output

__all__ = [
    "ScanBatch",
    "find_inputs",
    "probe_folder",
    "segment_scans",
    "summarise_run",
]

logger = logging.getLogger(__name__)


def segment_scans(
    inputs: Sequence[str | Path | ScanSource],
    output_dir: str | Path,
    segmenter: Segmenter,
    options: BatchOptions | None = None,
) -> BatchResult:
    """Segment scans one after the other; the files of each appear together as soon as it is done.

    While the network runs on a scan, the next one is prepared and the last one finished by other threads.

    A scan that cannot be used does not end the run, and finished scans are kept. One that is not taken for a chest CT
    is skipped, unless the segmenter's ``accept`` or ``all_scans`` asks for it. Several processes may share a folder:
    each scan is done by one of them, also where they overwrite earlier results.

    At the end :func:`infnet_monai.inference.summarise` writes table, report and record of all scans that have results
    in the folder. With a ``part`` this happens where no scan of other parts is left, so that the last machine does it.

    Args:
        inputs: Files, folders of DICOM series, and folders with scans at any depth; or scans that have been found.
        output_dir: Folder of the results.
        segmenter: The loaded bundle.
        options: Which scans, and what is written.

    Returns:
        What became of each scan.

    Raises:
        InputError: There are no scans, a file that is asked for cannot be written by this installation, or the folder
            cannot be written to.
    """
    output_dir, options = Path(output_dir), options or BatchOptions()
    scans = find_inputs(inputs, output_dir, options)
    batch = ScanBatch(output_dir, segmenter, options, started=probe_folder(output_dir))
    names = [scan.name for scan in scans]
    note_scans(output_dir, batch.run.as_dict(), names)
    wanted = options.wanted(scans)
    try:
        with (
            tqdm(total=len(wanted), desc="Scans", unit="scan", disable=not options.progress) as bar,
            closing(batch.add(wanted)) as done,
        ):
            for _ in done:
                bar.update()
    finally:  # after Ctrl-C, too, there are a table and a report of what is done
        batch.result.files = summarise_run(output_dir, batch.run.as_dict(), names, batch.unwritten, options)
    return batch.result.in_order(names)


def find_inputs(inputs: Sequence[str | Path | ScanSource], output_dir: Path, options: BatchOptions) -> list[ScanSource]:
    """Return the scans of a run, once what is asked for can be written for them.

    Args:
        inputs: Files, folders, and scans that have been found; these come first.
        output_dir: Folder of the results, in which no scan is sought.
        options: What is written.

    Raises:
        InputError: There are no scans, this installation cannot write a file that is asked for, or a scan has no lobes.
    """
    found = [given for given in inputs if isinstance(given, ScanSource)]
    places = [given for given in inputs if not isinstance(given, ScanSource)]
    scans = [*found, *find_scans(places, exclude=output_dir)] if places or not found else found
    for writer in options.writers():
        writer.check()
    if options.lobes is not None:
        options.lobes.check([scan.name for scan in scans])
    return scans


def summarise_run(
    output_dir: Path,
    facts: Mapping[str, Any],
    names: Sequence[str],
    unwritten: Sequence[Outcome],
    options: BatchOptions,
) -> list[Path]:
    """Write table, report and record of all scans in the folder, where no scan of other parts is left.

    Args:
        output_dir: Folder of the results.
        facts: Facts of the run.
        names: Names of all scans of the run.
        unwritten: Outcomes that could not be written.
        options: What is written.

    Returns:
        The files.
    """
    if options.part is not None and unfinished_scans(output_dir, names):
        return []
    return summarise(output_dir, facts, names, unwritten, options.report, review=options.review).files


def probe_folder(folder: Path) -> float:
    """Make sure that a folder can be written to, which is created if needed.

    Args:
        folder: Folder of the results.

    Returns:
        The time by the clock of its file system, in seconds since 1970.

    Raises:
        InputError: It cannot be written to.
    """
    with naming_output(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"0")
            probe.flush()
            return os.fstat(probe.fileno()).st_mtime


class ScanBatch:
    """The scans that one process segments, and what has become of them.

    Args:
        output_dir: Folder of the results.
        segmenter: The loaded bundle.
        options: What is written for each scan.
        started: Start of the run by the clock of the folder's file system, in seconds since 1970.

    Attributes:
        result: What became of the scans so far.
        run: Facts of the run.
    """

    def __init__(self, output_dir: Path, segmenter: Segmenter, options: BatchOptions, started: float):
        self.output_dir, self.segmenter, self.options = output_dir, segmenter, options
        self.acceptance, self.started = segmenter.acceptance, started
        self.writers, self.outcomes = options.writers(), Outcomes(output_dir)
        self.result = BatchResult()
        self.unwritten: list[Outcome] = []
        self.stopped = Event()
        self.run = RunRecord(
            segmenter.device,
            segmenter.weights,
            bundle=segmenter.name,
            bundle_version=segmenter.version,
            settings=segmenter.settings.as_dict(),
            engine=segmenter.engine,
            options={**options.as_dict(), **self.acceptance.as_dict()},
        )

    def add(self, scans: Sequence[ScanSource]) -> Generator[ScanSource, None, None]:
        """Segment scans or take their finished results; those that another process works on come last.

        Args:
            scans: The scans.

        Yields:
            Each scan when it is done or has failed.
        """
        busy: list[ScanSource] = []
        works = [StagedWork(self._add_one(scan, busy), _voxels(scan)) for scan in scans]
        with closing(run_overlapping(works, self.options.overlap_voxels, self.stopped)) as done:
            for scan, _ in zip(scans, done, strict=True):
                if scan not in busy:
                    yield scan
        for scan in busy:  # in this thread, where Ctrl-C ends the waiting
            self.add_one(scan, wait=True)
            yield scan

    def add_one(self, found: ScanSource, wait: bool) -> None:
        """Segment a scan or take its finished results, in this thread; a failure is noted.

        Args:
            found: The scan.
            wait: Wait for another process that works on it.

        Raises:
            StageBusy: Another process works on it, and ``wait`` is not set.
        """
        busy: list[ScanSource] = []
        StagedWork(self._add_one(found, None if wait else busy), _voxels(found)).complete()
        if busy:
            raise StageBusy(found.name)

    def _add_one(self, found: ScanSource, busy: list[ScanSource] | None = None) -> Generator[None, None, None]:
        """Segment a scan, in the steps of :class:`infnet_monai.inference.pipeline.StagedWork`.

        Args:
            found: The scan.
            busy: Takes the scan where another process works on it; without the list, that process is waited for.
        """
        try:
            scan = self.acceptance.admit(found)
            made_by = self._made_by(scan, self.acceptance.accepted_codes(found))
            yield from self._add_admitted(scan, made_by, wait=busy is None)
        except StageBusy:
            if busy is None:
                raise
            busy.append(found)
        except ScanSkipped as error:
            reason = one_line(error.reason)
            logger.info("%s", one_line(str(error)))
            self.result.skipped[found.name] = reason
            self._note(Outcome(found.name, SKIPPED, reason))
        except Exception as error:
            message = one_line(_describe(error, found))
            logger.error("%s", message)
            logger.debug("Traceback of the failure", exc_info=True)
            self.result.failures[found.name] = message
            self._note(Outcome(found.name, FAILED, message))

    def _note(self, outcome: Outcome) -> None:
        if not self.outcomes.write(outcome):
            self.unwritten.append(outcome)

    def _add_admitted(self, scan: ScanSource, made_by: MadeBy, wait: bool) -> Generator[None, None, None]:
        results = ScanResults(self.output_dir, scan, self.writers)
        with results.lock(wait):
            self.outcomes.remove(scan.name)
            record = self._read_finished(results, made_by)
            if record is None:
                record = yield from self._segment(scan, results, made_by)
            else:
                self.result.kept.append(scan.name)
        self.result.records[scan.name] = record

    def _read_finished(self, results: ScanResults, made_by: MadeBy) -> ScanRecord | None:
        """Return the record of results that are kept; with ``overwrite`` those that came into being during this run."""
        if self.options.overwrite:
            return results.read_newer(made_by, self.started)
        record = results.read_finished(made_by)
        if record is not None and record.status == "no lungs" and not self.acceptance.accepts(NO_LUNGS):
            raise ScanSkipped(results.scan.title, NO_LUNGS.message)
        return record

    def _made_by(self, scan: ScanSource, accepted: tuple[str, ...]) -> MadeBy:
        one, weights = self.segmenter, self.run.weights_sha256
        lobes = self.options.lobes.identity(scan.name) if self.options.lobes else ""
        return MadeBy(scan.identity(), one.name, one.version, weights, one.settings, accepted, lobes)

    def _segment(self, scan: ScanSource, results: ScanResults, made_by: MadeBy) -> Generator[None, None, ScanRecord]:
        timer = StageTimer(self.segmenter.device)
        stoppable = StoppableTimer(timer, self.stopped)
        with stoppable.stage("hash"):  # before it is read, so that a change meanwhile is noticed by the next run
            made_by = replace(made_by, scan=scan.identity(hashed=True))
        prepared = self.segmenter.prepare(scan, timer=stoppable)
        yield
        self._run_network(prepared, timer)
        yield
        segmentation = self.segmenter.finish(prepared, timer)
        if self.options.lobes is not None:
            lobes = self.options.lobes.read(scan.name, segmentation.upright_image)
            segmentation = replace(segmentation, upright_lobes=lobes)
        if not any(isinstance(writer, ProbabilityWriter) for writer in self.writers):
            segmentation = replace(segmentation, probability=None)  # the largest volume of all
        record = results.write(segmentation, made_by, timer)
        for warning in record.warnings:
            logger.warning("%s: %s", scan.name, warning)
        return record

    def _run_network(self, prepared: PreparedScan, timer: StageTimer) -> None:
        with tqdm(desc="Slices", unit="slice", leave=False, disable=not self.options.progress) as bar:

            def show(slices: int, total: int) -> None:
                bar.total = total
                bar.update(slices)

            self.segmenter.run(prepared, timer, show)


def _voxels(scan: ScanSource) -> int:
    """Voxels by which the memory of a scan is estimated; that of a scan of unknown shape counts as large."""
    shape = scan.header.shape
    return int(np.prod(shape, dtype=np.int64)) if shape else OVERLAP_VOXELS


def _describe(error: Exception, scan: ScanSource) -> str:
    """Return one line about why a scan has no results."""
    if isinstance(error, InputError):
        return str(error)
    reason = (str(error).strip().splitlines() or ["no reason given"])[0]
    if isinstance(error, OSError):
        return f"{error.filename or scan.path}: {error.strerror or reason}"
    return f"{scan.path}: {type(error).__name__}: {reason}"
