"""Scans segmented by a process that is watched: one that takes too long, or too much memory, fails alone."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from infnet_monai.errors import InputError, one_line
from infnet_monai.inference.batch_options import BatchResult
from infnet_monai.inference.scan_worker import ScanJob, note_failure
from infnet_monai.scans.source import ScanSource

__all__ = ["SupervisedProcess", "resident_gb"]

logger = logging.getLogger(__name__)

POLL_S, GRACE_S, BUSY_S = 0.1, 3.0, 1.0


class SupervisedProcess:
    """A process that segments scans, watched from outside.

    It is told one scan after the other, so that it is known which one it works on. A scan over the limits, or at which
    the process dies by itself, is noted as failed, and the next one gets a new process: a scan is never tried twice.

    Args:
        job: The job with its limits.

    Example:
        >>> job = ScanJob("out", limits=ScanLimits(seconds=600))  # doctest: +SKIP
        >>> segment_scans_by(SupervisedProcess, ["scans"], job).failures  # doctest: +SKIP
        {'ct_7': 'scans/ct_7.nii: took longer than 600 s (--scan-timeout); give more time, or segment it alone'}
    """

    def __init__(self, job: ScanJob):
        if os.name != "posix":
            raise InputError("limits of a scan need Linux or macOS; leave out --scan-timeout and --scan-memory")
        self.job = job
        self.facts: dict[str, Any] = {}
        self._child: subprocess.Popen | None = None
        self._connection: Connection

    def __enter__(self) -> SupervisedProcess:
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def results(self, scans: Sequence[ScanSource]) -> Iterator[BatchResult]:
        """Yield what became of each scan; those that another process works on come last.

        Args:
            scans: The scans.
        """
        waiting, busy = deque(scans), 0
        while waiting:
            scan = waiting.popleft()
            result = self.segment(scan)
            if result is not None:
                busy = 0
                yield result
                continue
            waiting.append(scan)
            busy += 1
            if busy >= len(waiting):
                time.sleep(BUSY_S)

    def segment(self, scan: ScanSource) -> BatchResult | None:
        """Segment a scan within the limits.

        Args:
            scan: The scan.

        Returns:
            What became of it; ``None`` where another process works on it.

        Raises:
            InputError: A process that is needed in place of one that died cannot load the bundle.
        """
        if self._has_died():  # at an earlier scan, or by itself while it waited
            self.end()
            self.start()
        start, reason = time.monotonic(), ""
        try:
            self._connection.send(scan)
            while not (self._connection.poll(POLL_S) or self._has_died()):
                reason = self._over_limit(time.monotonic() - start)
                if reason:
                    self._stop()  # an answer that came meanwhile counts
                    break
            return self._connection.recv()
        except (EOFError, OSError):
            return self._fail(scan, reason or self._cause_of_death())

    def start(self) -> None:
        """Start the process and wait until it has loaded the bundle.

        Raises:
            InputError: The bundle cannot be loaded, or the process dies of it.
        """
        self._connection, theirs = Pipe()
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        module = "infnet_monai.inference.scan_process"
        self._child = subprocess.Popen(
            [sys.executable, "-m", module, str(theirs.fileno()), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": paths},
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # the Ctrl-C of a terminal reaches this process alone, which ends the child
        )
        theirs.close()
        try:
            self._connection.send(self.job)
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise InputError(
                f"bundle {self.job.bundle}: {self._cause_of_death()} while it loaded the bundle; see the lines above, "
                "or give it more memory"
            ) from error
        if isinstance(answer, InputError):
            raise answer
        self.facts = self.facts or answer

    def end(self) -> None:
        """End the process; a scan that it works on stays undone."""
        if self._child is not None:
            self._stop()
            self._connection.close()
            self._child = None

    def _stop(self) -> None:
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._child.kill()
            self._child.wait()

    def _has_died(self) -> bool:
        return self._child is None or self._child.poll() is not None

    def _over_limit(self, seconds: float) -> str:
        """Return what is wrong; empty where nothing is."""
        limits = self.job.limits
        if limits.seconds is not None and seconds > limits.seconds:
            return f"took longer than {limits.seconds:g} s (--scan-timeout); give more time, or segment it alone"
        if limits.memory_gb is None or self._child is None:
            return ""
        used = resident_gb(self._child.pid)
        if used <= limits.memory_gb:
            return ""
        return (
            f"its process took {used:.2f} GB, more than {limits.memory_gb:g} GB (--scan-memory); allow more, or "
            "segment it on a machine with more memory"
        )

    def _cause_of_death(self) -> str:
        if self._child is None:
            return "its process was ended"
        try:
            status = self._child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            return "its process does not answer"
        if status >= 0:
            return f"its process ended with status {status}"
        name = signal.Signals(-status).name if -status in set(signal.Signals) else "unknown"
        return f"its process died of signal {-status} ({name})"

    def _fail(self, scan: ScanSource, reason: str) -> BatchResult:
        self.end()
        remedy = (
            "" if ";" in reason else ", e.g. for lack of memory or by a damaged file; check it, or segment it alone"
        )
        message = one_line(f"{scan.path}: {reason}{remedy}")
        return note_failure(self.job.output_dir, scan, message)


def resident_gb(pid: int) -> float:
    """Return the memory of a process in GB (10^9 bytes); 0 for one that has ended.

    Args:
        pid: Number of the process.
    """
    status = Path(f"/proc/{pid}/statm")
    try:
        if Path("/proc/self/statm").exists():
            return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e9
        listed = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return int(listed.stdout or 0) * 1024 / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0
