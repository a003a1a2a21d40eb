"""Scans segmented by the workers of a Dask cluster, each of which takes the next scan when it is free."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from infnet_monai.errors import InputError, one_line
from infnet_monai.inference.batch_options import BatchResult
from infnet_monai.inference.scan_worker import ScanJob, ScanWorker, note_failure
from infnet_monai.inference.supervised import SupervisedProcess
from infnet_monai.scans.source import ScanSource

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DaskWorkers", "dask_client", "each_result"]

logger = logging.getLogger(__name__)

RETRIES = 2
BUSY_S = 1.0
CONNECT = "10s"


@contextmanager
def dask_client(cluster: str) -> Iterator[Client]:
    """Give a client of a Dask cluster; a local one ends with the block, one that was there before is left running.

    Args:
        cluster: Address of a scheduler, e.g. ``"tcp://node1:8786"``, or the number of processes of a local cluster.

    Raises:
        InputError: ``distributed`` is not installed, or no scheduler answers at the address.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise InputError(
            f"--dask {cluster}: distributed is not installed; pip install infnet-monai[cluster]"
        ) from error
    with ExitStack() as held:
        address: Any = cluster
        if cluster.isdigit():
            count = int(cluster)
            if count < 1:
                raise InputError("--dask 0: expected at least 1 process, or the address of a scheduler")
            threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // count))}
            held.enter_context(dask.config.set({"distributed.nanny.pre-spawn-environ": threads}))
            # no limit of Dask's own: a scan that needs much memory is ended by --scan-memory or not at all
            workers: Any = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                memory_limit=0,
                dashboard_address=":0",
                silence_logs=logging.ERROR,
            )
            address = held.enter_context(workers)
        try:
            client = held.enter_context(Client(address, timeout=CONNECT))
        except (OSError, ValueError) as error:
            raise InputError(
                f"--dask {cluster}: no scheduler answers there ({one_line(str(error))}); expected the address that "
                "dask scheduler prints, e.g. tcp://node1:8786, or a number of processes"
            ) from error
        yield client


class DaskWorkers:
    """Segments the scans of a job on a Dask cluster.

    A scan is a task. The scheduler gives it to a worker that is free, and to another one when that dies; after
    ``distributed.scheduler.allowed-failures`` (3) deaths the scan is noted as failed. Each worker process loads the
    bundle once. It segments one scan at a time, whatever its number of threads. With limits, a worker watches a
    process of its own, see :class:`infnet_monai.inference.supervised.SupervisedProcess`.

    Args:
        client: Client of the cluster, whose workers see scans and results at the same paths.
        job: The job.

    Raises:
        InputError: The bundle cannot be loaded on a worker.
    """

    def __init__(self, client: Client, job: ScanJob):
        self.client, self.job, self.token = client, job, uuid4().hex
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> DaskWorkers:
        self.facts = self.client.submit(_facts, self.token, self.job, pure=False, retries=RETRIES).result()
        return self

    def __exit__(self, *error: object) -> None:
        with_limits = bool(self.job.limits)
        if with_limits and self.client.status == "running":
            self.client.run(_end, self.token, on_error="ignore")

    def results(self, scans: Sequence[ScanSource]) -> Iterator[BatchResult]:
        """Yield what became of each scan, in the order in which they end.

        Args:
            scans: The scans.

        Raises:
            InputError: The scheduler has ended.
        """
        task = partial(_segment, self.token, self.job)
        for scan, result in each_result(self.client, task, scans):
            yield self._failed(scan, result) if isinstance(result, Exception) else result

    def _failed(self, scan: ScanSource, error: Exception) -> BatchResult:
        from distributed import KilledWorker

        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, KilledWorker):
            allowed = self.client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.allowed_failures)
            reason = f"{allowed + 1} worker processes died while they worked on it"
        message = one_line(f"{scan.path}: {reason}; check the file, or segment it alone")
        return note_failure(self.job.output_dir, scan, message)


def each_result(
    client: Client, task: Callable[[Any], Any], items: Sequence[Any]
) -> Generator[tuple[Any, Any], None, None]:
    """Do a task for each item on the cluster; one that gives ``None`` is done again, behind the others.

    Args:
        client: Client of the cluster.
        task: Function of an item, which can be sent to the workers.
        items: Its items.

    Yields:
        Each item with the result of its task, or the exception that it ended with, in the order in which they end.

    Raises:
        InputError: The scheduler has ended.
    """
    from distributed import as_completed
    from distributed.client import FutureCancelledError

    def submit(item: Any) -> Future:
        return client.submit(task, item, pure=False, retries=RETRIES)

    futures = {submit(item): item for item in items}
    try:
        done = as_completed(list(futures))
        for future in done:
            item = futures.pop(future)
            error = future.exception()
            if isinstance(error, FutureCancelledError) or future.cancelled():
                raise InputError(
                    f"the scheduler at {client.scheduler.address if client.scheduler else 'the address'} has ended; "
                    "start it, and the same command resumes"
                )
            result = error if error is not None else future.result()
            if result is None:
                again = submit(item)
                futures[again] = item
                done.add(again)
            else:
                yield item, result
    finally:
        if futures and client.status == "running":
            client.cancel(list(futures), force=True)


# What a worker process has loaded, for the job of that token; one at a time, so that its memory does not grow.
_LOADED: dict[str, ScanWorker | SupervisedProcess] = {}
_LOCK = threading.Lock()


def _worker(token: str, job: ScanJob) -> ScanWorker | SupervisedProcess:
    if token not in _LOADED:
        for other in list(_LOADED):
            _unload(other)
        if job.limits:
            _LOADED[token] = SupervisedProcess(job).__enter__()
        else:
            _LOADED[token] = ScanWorker(job)
    return _LOADED[token]


def _facts(token: str, job: ScanJob) -> dict[str, Any]:
    with _LOCK:
        return _worker(token, job).facts


def _segment(token: str, job: ScanJob, scan: ScanSource) -> BatchResult | None:
    with _LOCK:
        result = _worker(token, job).segment(scan)
    if result is None:  # another process works on it: do not ask without a pause
        time.sleep(BUSY_S)
    return result


def _unload(token: str) -> None:
    loaded = _LOADED.pop(token, None)
    if isinstance(loaded, SupervisedProcess):
        loaded.end()


def _end(token: str) -> None:
    with _LOCK:
        _unload(token)
