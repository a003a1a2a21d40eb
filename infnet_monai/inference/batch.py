"""Segmentation of any number of scans, with files for each and a table and a report for all."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write, back_up
from infnet_monai.inference.scan_results import ScanFiles, read_results, write_results
from infnet_monai.inference.segmentation import Segmentation
from infnet_monai.inference.segmenter import Segmenter
from infnet_monai.reporting.html_report import ScanReport, write_html_report
from infnet_monai.reporting.scan_pictures import UprightScan, render_scan
from infnet_monai.run_record import RunRecord, StageTimer
from infnet_monai.scans.find import ScanSource, find_scans

__all__ = ["BatchOptions", "BatchResult", "segment_scans"]

logger = logging.getLogger(__name__)

TABLE, REPORT, RUN = "statistics.csv", "report.html", "run.json"


@dataclass(frozen=True)
class BatchOptions:
    """What is written for each scan beside masks and numbers.

    Attributes:
        probability: The probability map as NIfTI.
        dicom_seg: A DICOM SEG for scans that are DICOM series.
        report: A contact sheet for each scan and an HTML report of the run.
        overwrite: Segment scans anew that are finished, and replace their files.
        progress: Show bars over scans and slices.
    """

    probability: bool = False
    dicom_seg: bool = False
    report: bool = True
    overwrite: bool = False
    progress: bool = True


@dataclass
class BatchResult:
    """What became of the scans of a run.

    Attributes:
        records: Facts and numbers of each scan that has results, by name.
        skipped: Names of those that an earlier run had finished.
        failures: One line for each scan without results, by name.
        files: Table, report and record of the run.
    """

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)


def segment_scans(
    inputs: Sequence[str | Path],
    output_dir: str | Path,
    segmenter: Segmenter,
    options: BatchOptions | None = None,
) -> BatchResult:
    """Segment scans one after the other; the files of each are written as soon as it is done.

    A scan that cannot be used does not end the run, and scans that an earlier run has finished are skipped.

    Args:
        inputs: Files, folders of DICOM series, and folders with scans at any depth.
        output_dir: Folder of the results.
        segmenter: The loaded bundle.
        options: What is written.

    Returns:
        What became of each scan.

    Raises:
        InputError: There are no scans, or the folder cannot be written to.
    """
    output_dir = Path(output_dir)
    scans = find_scans(inputs, exclude=output_dir)
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{output_dir}: cannot be made ({error.strerror}); give another output folder") from error
    batch = _Batch(output_dir, segmenter, options or BatchOptions())
    try:
        for scan in tqdm(scans, desc="Scans", unit="scan", disable=not batch.options.progress):
            batch.add(scan)
    finally:  # after Ctrl-C, too, there are a table and a report of what is done
        batch.write_run([scan.name for scan in scans])
    return batch.result


class _Batch:
    """State of a run."""

    def __init__(self, output_dir: Path, segmenter: Segmenter, options: BatchOptions):
        self.output_dir, self.segmenter, self.options = output_dir, segmenter, options
        self.result = BatchResult()
        self.reports: list[ScanReport] = []
        self.run = RunRecord(
            segmenter.device,
            segmenter.weights,
            bundle=segmenter.name,
            bundle_version=segmenter.version,
            settings=segmenter.settings,
            options=asdict(options),
        )

    def add(self, scan: ScanSource) -> None:
        """Segment a scan, or take what an earlier run has written."""
        files = ScanFiles(
            self.output_dir,
            scan.name,
            probability=self.options.probability,
            dicom_seg=self.options.dicom_seg and scan.is_dicom,
            picture=self.options.report,
        )
        try:
            made_by = self._made_by(scan)
            record = None if self.options.overwrite else files.read_finished(made_by)
            if record is not None:
                self.result.skipped.append(scan.name)
                upright = read_results(scan, files, record["intensity"]) if self.options.report else None
            else:
                record, upright = self._segment(scan, files, made_by)
            if upright is not None:
                self._add_report(files, record, upright)
            self.result.records[scan.name] = record
        except Exception as error:
            message = _describe(error, scan)
            logger.error("%s", message)
            logger.debug("Traceback of the failure", exc_info=True)
            self.result.failures[scan.name] = message
            self.reports.append(ScanReport(scan.name, "failed", message))

    def _made_by(self, scan: ScanSource) -> dict[str, Any]:
        weights = (self.run.weights or {}).get("sha256")
        bundle = f"{self.segmenter.name} {self.segmenter.version}"
        # as JSON gives it back, for comparison with a record
        made_by = {"scan": scan.identity(), "bundle": bundle, "weights": weights, "settings": self.segmenter.settings}
        content: dict[str, Any] = json.loads(json.dumps(made_by))
        return content

    def _segment(
        self, scan: ScanSource, files: ScanFiles, made_by: dict[str, Any]
    ) -> tuple[dict[str, Any], UprightScan]:
        timer = StageTimer(self.segmenter.device)
        try:
            result = self._run_network(scan, timer)
            with timer.stage("numbers"):
                record = _record_of(result, scan.name, made_by)
                upright = UprightScan(result.upright_image, result.upright_mask, result.upright_lungs, result.intensity)
            if self.options.dicom_seg and not scan.is_dicom:
                record["warnings"].append("no DICOM SEG: the scan is not a DICOM series")
            write_results(result, upright, files, scan, record, timer)
        finally:
            for stage, seconds in timer.seconds.items():
                self.run.timer.seconds[stage] += seconds
        for warning in record["warnings"]:
            logger.warning("%s: %s", scan.name, warning)
        return record, upright

    def _run_network(self, scan: ScanSource, timer: StageTimer) -> Segmentation:
        with tqdm(desc="Slices", unit="slice", leave=False, disable=not self.options.progress) as bar:

            def show(slices: int, total: int) -> None:
                bar.total = total
                bar.update(slices)

            return self.segmenter.segment(scan, timer=timer, on_slices=show)

    def _add_report(self, files: ScanFiles, record: dict[str, Any], upright: UprightScan) -> None:
        with self.run.timer.stage("report"):
            no_lungs = not record["lungs_found"] and self.segmenter.settings["lung_crop"]
            self.reports.append(
                ScanReport(
                    name=record["scan"],
                    status="no lungs" if no_lungs else "ok",
                    message=". ".join(record["warnings"]),
                    statistics=record["statistics"],
                    slices=render_scan(upright),
                    files=[path.relative_to(self.output_dir).as_posix() for path in files.all()],
                )
            )

    def write_run(self, names: Sequence[str]) -> None:
        """Write table, report and record; those of an earlier run on other scans are kept."""
        _keep_earlier_run(self.output_dir, names)
        paths = {name: self.output_dir / name for name in (TABLE, REPORT, RUN)}
        with atomic_write(paths[TABLE]) as draft:
            self._table().to_csv(draft, index=False)
        states = dict.fromkeys(self.result.failures, "failed") | dict.fromkeys(self.result.records, "done")
        if self.options.report:
            with self.run.timer.stage("report"):
                model = f"{self.segmenter.name} {self.segmenter.version}"
                write_html_report(paths[REPORT], self.reports, model, self.run.as_dict())
        self.run.facts["scans"] = {name: states.get(name, "not reached") for name in names}
        self.run.facts["failures"] = self.result.failures
        self.run.write(paths[RUN])
        self.result.files = [path for path in paths.values() if path.exists()]

    def _table(self) -> pd.DataFrame:
        rows: list[dict[str, Any]] = []
        for name, record in self.result.records.items():
            facts = {"scan": name, "status": "done", "message": ". ".join(record["warnings"])}
            facts |= {"source": record["made_by"]["scan"]["path"], "bundle": record["made_by"]["bundle"]}
            rows.append(facts | {"intensity": record["intensity"]} | record["statistics"])
        rows += [{"scan": name, "status": "failed", "message": line} for name, line in self.result.failures.items()]
        return pd.DataFrame(rows).convert_dtypes()


def _record_of(result: Segmentation, name: str, made_by: dict[str, Any]) -> dict[str, Any]:
    return {
        "scan": name,
        "made_by": made_by,
        "intensity": result.intensity,
        "lungs_found": bool(result.lungs.any()),
        "warnings": list(result.warnings),
        "statistics": result.statistics.as_dict(),
    }


def _describe(error: Exception, scan: ScanSource) -> str:
    """One line about why a scan has no results."""
    if isinstance(error, InputError):
        return str(error)
    reason = (str(error).strip().splitlines() or ["no reason given"])[0]
    if isinstance(error, OSError):
        return f"{error.filename or scan.path}: {error.strerror or reason}"
    return f"{scan.path}: {type(error).__name__}: {reason}"


def _keep_earlier_run(output_dir: Path, names: Sequence[str]) -> None:
    """Set an earlier run's files aside, unless this run's cover all of its scans."""
    try:
        earlier = json.loads((output_dir / RUN).read_text(encoding="utf-8"))["scans"]
    except FileNotFoundError:
        earlier = {}
    except (OSError, ValueError, KeyError, TypeError):
        earlier = {"?": "unreadable"}
    if not set(earlier) <= set(names):
        back_up(output_dir, (TABLE, REPORT, RUN))
