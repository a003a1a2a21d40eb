"""Splitting of cases into training, validation and test, by name or by chance."""

from __future__ import annotations

import random
from collections.abc import Sequence

from infnet_monai.errors import InputError


def split_cases(
    names: Sequence[str],
    training: Sequence[str] | None = None,
    validation: float | Sequence[str] = 0.2,
    test: float | Sequence[str] = 0.0,
    seed: int = 0,
) -> dict[str, list[str]]:
    """Assign whole cases to the sections of a datalist.

    Args:
        names: All cases.
        training: Cases to train on, others that are named nowhere being left out; None for all the rest.
        validation: Cases by name, or the fraction of all cases to draw.
        test: Cases by name, or the fraction of all cases to draw.
        seed: Seed of the drawing; the same seed draws the same cases.

    Returns:
        Names of ``training``, ``validation`` and ``test``; a drawn section is in the order of ``names``.

    Raises:
        InputError: A name is unknown or in two sections, a fraction is not in [0, 1), or nothing is left to train on.

    Example:
        >>> split_cases(["a", "b", "c"], validation=["b"])
        {'training': ['a', 'c'], 'validation': ['b'], 'test': []}
    """
    sections = {"validation": validation, "test": test}
    chosen = {section: list(choice) for section, choice in sections.items() if not isinstance(choice, (int, float))}
    if training is not None:
        chosen["training"] = list(training)
    _refuse_unknown_or_double(names, chosen)
    taken = {name for section in chosen.values() for name in section}
    free = [name for name in names if name not in taken]
    random.Random(seed).shuffle(free)
    for section, fraction in sections.items():
        if isinstance(fraction, (int, float)):
            count = _count(section, fraction, len(names))
            chosen[section], free = sorted(free[:count], key=names.index), free[count:]
    chosen.setdefault("training", sorted(free, key=names.index))
    if not chosen["training"]:
        raise InputError(f"{len(names)} cases leave none for training; give more cases, or smaller fractions")
    return {section: chosen[section] for section in ("training", "validation", "test")}


def _refuse_unknown_or_double(names: Sequence[str], chosen: dict[str, list[str]]) -> None:
    placed: dict[str, str] = {}
    for section, members in chosen.items():
        for name in members:
            if name not in names:
                raise InputError(f"{section} case '{name}': no such case; there are {', '.join(names)}")
            if name in placed:
                raise InputError(f"case '{name}' is named for {placed[name]} and for {section}; a case belongs to one")
            placed[name] = section


def _count(section: str, fraction: float, total: int) -> int:
    """Cases that a fraction means: at least one unless it is zero."""
    if not 0 <= fraction < 1:
        raise InputError(f"{section} fraction {fraction:g}: expected a fraction from 0 to below 1, or names of cases")
    return max(1, round(fraction * total)) if fraction else 0
