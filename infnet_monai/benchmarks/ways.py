"""Ways to do one thing, timed in turns within one process, and the masks that they give."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from tqdm import trange

__all__ = ["dice_of_masks", "median_seconds"]


def median_seconds(
    ways: Mapping[str, Callable[[], Any]],
    turns: int,
    clock: Callable[[], float] = time.process_time,
    title: str = "Turns",
) -> dict[str, float]:
    """Time each way once in every turn, so that what slows the machine down slows all of them.

    Args:
        ways: Functions by name, each of which has been called before, to warm up.
        turns: Number of turns.
        clock: Gives seconds; by default those of the processor, without what other programs take of the machine.
        title: Text before the progress bar.

    Returns:
        Median of the seconds of each way.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in trange(turns, desc=title, leave=False):
        for name, run in ways.items():
            start = clock()
            run()
            seconds[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def dice_of_masks(first: Tensor, second: Tensor) -> float:
    """Return the Dice of two masks, NaN where both are empty.

    Args:
        first: Mask, bool.
        second: Mask of the same shape.
    """
    both = int(first.sum() + second.sum())
    return 2 * int((first & second).sum()) / both if both else float("nan")
