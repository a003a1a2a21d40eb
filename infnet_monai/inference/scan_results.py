"""The results of one scan in the folder of a run: found finished, or written together with their record."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write
from infnet_monai.inference.record import MadeBy, ScanRecord
from infnet_monai.inference.result_writers import RESULT_WRITERS, LungsWriter, MaskWriter, ResultWriter
from infnet_monai.inference.segmentation import Segmentation, read_segmentation
from infnet_monai.label_scheme import BINARY, LabelScheme
from infnet_monai.run_record import StageTimer
from infnet_monai.scans.source import ScanIdentity, ScanSource
from infnet_monai.stage import Stage, naming_output

__all__ = ["ScanResults"]

logger = logging.getLogger(__name__)


class ScanResults:
    """The results of one scan, which appear together with their record or not at all.

    Args:
        output_dir: Folder of the run.
        scan: The scan; with a slash in its name the results are stored in a subfolder.
        writers: Writers of the files that are wanted.
    """

    def __init__(self, output_dir: Path, scan: ScanSource, writers: Sequence[ResultWriter]):
        self.scan, self.writers = scan, writers
        self._base = PurePosixPath(scan.name).name
        self._all = [f"{self._base}{writer.ending}" for writer in RESULT_WRITERS]
        self._stage = Stage(output_dir, scan.name, f"{self._base}.json", obsolete=self._all)

    @contextmanager
    def lock(self, wait: bool = False) -> Iterator[None]:
        """Hold the lock of the scan, with what a killed process has left cleared.

        Args:
            wait: Wait for another process that holds the lock.

        Raises:
            StageBusy: Another process works on the scan and ``wait`` is not set.
            InputError: The folder cannot be written to.
        """
        with ExitStack() as held:
            with naming_output(self._stage.folder):
                held.enter_context(self._stage.lock(wait))
            yield

    def path(self, ending: str) -> Path:
        """Return the file of an ending, e.g. ``"_infection.nii.gz"``."""
        return self._stage.folder / f"{self._base}{ending}"

    def read_finished(self, made_by: MadeBy) -> ScanRecord | None:
        """Return the record of the scan where it is finished with all files that are wanted, else ``None``.

        Args:
            made_by: What decides the results.

        Raises:
            InputError: There are results that were made otherwise, or files that no record tells of.
        """
        if not self._stage.finished:
            foreign = [path for name in self._all if (path := self._stage.folder / name).exists()]
            if foreign:
                raise InputError(
                    f"{foreign[0]}: is there already, and not by a finished run; move it or give --overwrite"
                )
            return None
        record = ScanRecord.read(self._stage.record)
        made_by = self._comparable(made_by, record.made_by)
        if differing := made_by.differences(record.made_by):
            raise InputError(
                f"{self._stage.record}: made with another {' and '.join(differing)}; give --overwrite or another folder"
            )
        if not self._is_complete(record):
            return None
        if made_by.scan.sha256 and made_by.scan != record.made_by.scan:
            record = self._note_place(record, made_by.scan)
        self._draw_missing(record)
        return record

    def _note_place(self, record: ScanRecord, place: ScanIdentity) -> ScanRecord:
        """Note where a scan is that was moved or touched, so that it need not be hashed again."""
        record = replace(record, made_by=replace(record.made_by, scan=place))
        with naming_output(self._stage.folder):
            finished = self._stage.record.stat()
            record.write(self._stage.record)
            os.utime(self._stage.record, ns=(finished.st_atime_ns, finished.st_mtime_ns))  # no new results
        return record

    def _comparable(self, found: MadeBy, recorded: MadeBy) -> MadeBy:
        """Return what was found with the hash of the scan, which is read only where place or date differ."""
        one, other = found.scan, recorded.scan
        may_be_moved = (one.bytes, one.series) == (other.bytes, other.series) and other.sha256
        if not may_be_moved or one.is_same(replace(other, sha256="")):
            return found
        return replace(found, scan=self.scan.identity(hashed=True))

    def read_newer(self, made_by: MadeBy, moment: float) -> ScanRecord | None:
        """Return the record of the scan where another process has finished it after a moment, else ``None``.

        Args:
            made_by: What decides the results; those that were made otherwise do not count.
            moment: Time of a file in the same file system, in seconds since 1970.
        """
        if not self._stage.finished or self._stage.record.stat().st_mtime <= moment:
            return None
        with suppress(InputError):
            record = ScanRecord.read(self._stage.record)
            if not self._comparable(made_by, record.made_by).differences(record.made_by) and self._is_complete(record):
                return record
        return None

    def _is_complete(self, record: ScanRecord) -> bool:
        """Whether all files are there that are wanted, can be made, and cannot be made from others."""
        wanted = [writer for writer in self.writers if not writer.from_masks]
        return all(self.path(one.ending).exists() for one in wanted if one.ending not in record.not_made)

    def _draw_missing(self, record: ScanRecord) -> None:
        """Write the wanted files that can be made from the masks, e.g. pictures of a run without a report."""
        missing = [
            writer
            for writer in self.writers
            if writer.from_masks and writer.ending not in record.not_made and not self.path(writer.ending).exists()
        ]
        if not missing:
            return
        try:
            mask, lungs = self.path(MaskWriter.ending), self.path(LungsWriter.ending)
            classes = record.made_by.settings.classes
            scheme = LabelScheme.from_names(classes) if classes else BINARY
            result = read_segmentation(self.scan, mask, lungs, record.intensity, scheme)
            for writer in missing:
                with atomic_write(self.path(writer.ending)) as draft:
                    writer.write(result, draft, self.scan, record.made_by)
        except Exception as error:  # masks and statistics are there all the same
            logger.warning("%s: no %s: %s", self.scan.name, missing[0].title, _reason(error))

    def write(self, result: Segmentation, made_by: MadeBy, timer: StageTimer) -> ScanRecord:
        """Write the wanted files and the record; earlier files that are not wanted any more are removed.

        The lock must be held. After a failure everything is as it was before.

        Args:
            result: The segmented scan.
            made_by: What decided the result.
            timer: Timer of the work; its seconds become part of the record.

        Returns:
            The record.

        Raises:
            InputError: The files cannot be written, e.g. because the disk is full.
        """
        with timer.stage("statistics"):
            statistics, classes, findings = result.statistics, result.class_statistics, result.findings
        with naming_output(self._stage.folder), self._stage.draft() as draft:
            missing = self._write_files(result, draft, made_by, timer)
            record = ScanRecord(
                scan=self.scan.name,
                made_by=made_by,
                intensity=result.intensity,
                lungs_found=bool(result.lungs.any()),
                warnings=(*result.warnings, *findings.warnings, *missing.values()),
                statistics=statistics,
                not_made=tuple(missing),
                seconds=dict(timer.seconds),
                classes=classes,
                quality=result.quality,
                findings=findings,
            )
            record.write(draft / self._stage.record.name)
        return record

    def _write_files(self, result: Segmentation, draft: Path, made_by: MadeBy, timer: StageTimer) -> dict[str, str]:
        """Write the wanted files into a folder; return why some cannot be made, by ending."""
        missing: dict[str, str] = {}
        for writer in self.writers:
            path = draft / f"{self._base}{writer.ending}"
            try:
                with timer.stage(writer.stage):
                    writer.write(result, path, self.scan, made_by)
            except OSError:  # of the output folder, e.g. a full disk
                raise
            except Exception as error:
                if not writer.option:
                    raise
                path.unlink(missing_ok=True)
                missing[writer.ending] = f"no {writer.title}: {_reason(error)}"
        return missing


def _reason(error: Exception) -> str:
    first_line = (str(error).strip().splitlines() or ["no reason given"])[0]
    return first_line if isinstance(error, InputError) else f"{type(error).__name__}: {first_line}"
