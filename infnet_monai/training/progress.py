"""Progress bar of a long stage: often on a terminal, now and then in a log."""

from __future__ import annotations

import sys

from tqdm import tqdm

__all__ = ["stage_bar"]

TERMINAL_INTERVAL_S = 1.0
LOG_INTERVAL_S = 60.0


def stage_bar(title: str, total: int, done: int, unit: str, disable: bool = False) -> tqdm:
    """Make a bar with the time left, estimated from the mean over all steps of this process.

    Args:
        title: Name of the stage.
        total: Number of steps of the whole stage.
        done: Number of steps that an earlier process has done.
        unit: Name of a step.
        disable: Show nothing.
    """
    interval_s = TERMINAL_INTERVAL_S if sys.stderr.isatty() else LOG_INTERVAL_S
    return tqdm(
        desc=title,
        total=total,
        initial=done,
        unit=unit,
        smoothing=0,  # the mean over all steps, since those of one network take much longer than those of another
        mininterval=interval_s,
        maxinterval=interval_s,
        disable=disable,
    )
