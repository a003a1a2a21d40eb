"""Runs of a comparison on a Dask cluster: each is a task of a worker that is free."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from infnet_monai.comparison.plan import Run
from infnet_monai.comparison.results import read_result
from infnet_monai.errors import InputError, one_line
from infnet_monai.inference.cluster import each_result
from infnet_monai.stage import StageBusy
from infnet_monai.training.child import WorkflowFailed

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["complete_on_dask"]

logger = logging.getLogger(__name__)

BUSY_S, POLL_S, GRACE_S = 1.0, 0.5, 40.0


def complete_on_dask(client: Client, runs: Sequence[Run]) -> dict[str, str]:
    """Complete runs by the workers of a cluster, which see the folders of the comparison at the same paths.

    The run of a worker that dies is given to another one, which resumes from the last epoch; where its training has
    outlived it, the run is left alone until that has ended. When this process is interrupted, so are all trainings.

    Args:
        client: Client of the cluster.
        runs: The runs; those that are finished are left alone.

    Returns:
        Reasons why runs are not finished, by their names.

    Raises:
        InputError: The scheduler has ended.
    """
    to_do = [run for run in runs if not run.finished]
    if len(to_do) < len(runs):
        logger.info("%d of %d runs were finished before.", len(runs) - len(to_do), len(runs))
    token, problems = uuid4().hex, {}
    results = each_result(client, partial(_complete, token), to_do)
    try:
        for position, (run, result) in enumerate(results, start=1):
            problem = one_line(f"{type(result).__name__}: {result}") if isinstance(result, Exception) else result
            if problem:
                problems[run.name] = problem
                logger.error("%s: %s", run.name, problem)
            else:
                dice = read_result(run).metrics["paper_mean_dice"]
                logger.info("%s: Dice %.3f (%d of %d)", run.name, dice, position, len(to_do))
    except BaseException:
        _interrupt(client, token)
        raise
    finally:
        results.close()
    return problems


class _Interrupted(Exception):
    """The comparison was interrupted."""


# What a worker process knows of comparisons: which are interrupted, and how many trainings it has in hand.
_STOPPED: set[str] = set()
_IN_HAND = threading.Semaphore(0)


def _complete(token: str, run: Run) -> str | None:
    """Complete a run; return why it is not finished, else an empty text, or ``None`` while another process has it."""

    def poll() -> None:
        if token in _STOPPED:
            raise _Interrupted

    _IN_HAND.release()
    try:
        with run.lock() as lock:
            poll()
            run.train_and_evaluate(lock, poll)
    except StageBusy:
        time.sleep(BUSY_S)
        return None
    except _Interrupted:
        return "interrupted"
    except (InputError, WorkflowFailed) as error:
        return str(error)
    finally:
        _IN_HAND.acquire()
    return ""


def _interrupt(client: Client, token: str) -> None:
    """Let all workers end their trainings, which write their state whole or not at all."""
    end = time.monotonic() + GRACE_S
    while client.status == "running" and time.monotonic() < end:
        busy = client.run(_stop, token, on_error="ignore")
        if not any(busy.values()):
            return
        time.sleep(POLL_S)


def _stop(token: str) -> bool:
    """Note on a worker that a comparison is interrupted; return whether it still has trainings in hand."""
    _STOPPED.add(token)
    if not _IN_HAND.acquire(blocking=False):
        return False
    _IN_HAND.release()
    return True
