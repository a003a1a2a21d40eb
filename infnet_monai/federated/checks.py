"""What the server accepts from a site."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_STEPS", "MAX_TIMES_WEIGHTS", "problem_of_update"]

MAX_TIMES_WEIGHTS = 10.0
MAX_STEPS = 1_000_000


def problem_of_update(
    update: Any, steps: Any, reference: Mapping[str, NDArray[np.floating]], expected: frozenset[str]
) -> str:
    """Say in one line what is wrong with an update; all that it says comes from the server's own names.

    Args:
        update: What a site sent as its difference by tensor name; anything may have been sent.
        steps: Number of optimiser steps that it claims.
        reference: Weights that the site was sent.
        expected: Names of the tensors that it has to return.

    Returns:
        The problem; empty where there is none. A single tensor may change by no more than
        ``MAX_TIMES_WEIGHTS`` times the norm of all weights together, which training is far from.

    Example:
        >>> weights = {"w": np.ones(2)}
        >>> problem_of_update({"w": np.array([1.0, np.nan])}, 1, weights, frozenset({"w"}))
        'w holds 1 number that is not finite'
    """
    if not isinstance(update, Mapping):
        return f"expected tensors by name, got {type(update).__name__}"
    if isinstance(steps, bool) or not isinstance(steps, int | float | np.number) or not 0 < float(steps) <= MAX_STEPS:
        return f"expected a number of steps from 1 to {MAX_STEPS}"
    if missing := sorted(expected - set(update)):
        return f"{len(missing)} tensors are missing, e.g. {missing[0]}"
    if len(update) > len(expected):
        return f"{len(update) - len(expected)} tensors that were not asked for"
    limit = MAX_TIMES_WEIGHTS * math.sqrt(
        sum(float(np.square(array, dtype=np.float64).sum()) for array in reference.values())
    )
    for name in sorted(expected):
        if problem := _problem_of_tensor(update[name], reference[name], limit):
            return f"{name} {problem}"
    return ""


def _problem_of_tensor(array: Any, reference: NDArray[np.floating], limit: float) -> str:
    if not isinstance(array, np.ndarray) or not np.issubdtype(array.dtype, np.floating):
        return "is not an array of floating-point numbers"
    if array.shape != reference.shape:
        return f"has the shape {array.shape}, expected {reference.shape}"
    if wrong := int(array.size - np.isfinite(array).sum()):
        return f"holds {wrong} number{' that is' if wrong == 1 else 's that are'} not finite"
    norm = math.sqrt(float(np.square(array, dtype=np.float64).sum()))
    return f"changes by {norm:.3g}, expected at most {limit:.3g}" if norm > limit else ""
