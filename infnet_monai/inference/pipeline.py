"""Scans one after the other, while the next one is prepared and the last one finished by other threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from infnet_monai.run_record import StageTimer

__all__ = ["OVERLAP_VOXELS", "StagedWork", "StoppableTimer", "Stopped", "run_overlapping"]

OVERLAP_VOXELS = 240_000_000  # three scans of 512 x 512 x 300; a voxel takes about 11 bytes at the most


class Stopped(BaseException):
    """The run has ended while a thread still works on a scan; no failure of that scan."""


class StoppableTimer(StageTimer):
    """Timer whose next stage raises :class:`Stopped` once the run has ended, since nothing else ends a thread.

    Args:
        timer: Takes the seconds.
        stopped: Set when the run has ended.
    """

    def __init__(self, timer: StageTimer, stopped: Event):
        super().__init__(timer.device)
        self.seconds = timer.seconds
        self.stopped = stopped

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to the stage.

        Raises:
            Stopped: The run has ended.
        """
        if self.stopped.is_set():
            raise Stopped
        with super().stage(name):
            yield


class StagedWork:
    """Work on one scan, as a generator that yields twice: when the scan is prepared, and when the network has run.

    The generator deals with what goes wrong; it may end early, e.g. since its scan has results.

    Args:
        steps: The generator; each of its steps may run in another thread.
        voxels: Voxels of the scan, by which its memory is estimated.
    """

    def __init__(self, steps: Generator[None, None, None], voxels: int):
        self._steps = steps
        self._voxels = voxels
        self._step: Future[None] | None = None
        self._ended = False

    @property
    def voxels(self) -> int:
        """Voxels of the scan, 0 when the work has ended."""
        return 0 if self._ended else self._voxels

    def advance(self) -> None:
        """Do the next step in this thread."""
        try:
            next(self._steps)
        except StopIteration:
            self._ended = True

    def start(self, pool: ThreadPoolExecutor) -> StagedWork:
        """Begin with the next step in a thread of a pool."""
        self._step = pool.submit(self.advance)
        return self

    def wait(self) -> StagedWork:
        """Wait for the step that was started."""
        if self._step is not None:
            self._step.result()
        return self

    def complete(self) -> None:
        """Do all steps that are left in this thread."""
        while not self._ended:
            self.advance()

    def close(self) -> None:
        """End the work where it stands, with what it holds set free."""
        self._steps.close()


def run_overlapping(works: Iterable[StagedWork], most_voxels: int, stopped: Event) -> Generator[StagedWork, None, None]:
    """Run the network's steps in this thread, one after the other, and the steps before and after beside them.

    At most three scans are in memory: one that is prepared, one in the network, one that is finished. A scan that is
    too large to be there beside the others is prepared when they are done. Where this ends early, the scan that the
    network has run on is still finished, and the others are dropped.

    Args:
        works: The work on each scan.
        most_voxels: Voxels of the scans that are in memory together; 0 for one scan at a time.
        stopped: Is set where this ends early, e.g. by Ctrl-C.

    Yields:
        Each work when it has ended, in the order given.
    """
    waiting, begun = deque(works), deque[StagedWork](maxlen=3)
    upcoming: StagedWork | None = None
    last: StagedWork | None = None
    pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="scan")

    def begin() -> StagedWork:
        begun.append(waiting.popleft())
        return begun[-1].start(pool)

    try:
        while waiting or upcoming:
            if upcoming is None:
                if last is not None:
                    yield last.wait()
                    last = None
                upcoming = begin()
            current, upcoming = upcoming.wait(), None
            in_memory = current.voxels + (last.voxels if last else 0)
            if waiting and in_memory + waiting[0].voxels <= most_voxels:
                upcoming = begin()
            if current.voxels:
                current.advance()
            if last is not None:
                yield last.wait()
            last = current.start(pool) if current.voxels else current
        if last is not None:
            yield last.wait()
    except BaseException:
        stopped.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        for work in begun:
            work.close()
