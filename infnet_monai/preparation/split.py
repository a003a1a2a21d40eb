"""Splitting of cases into training, validation and test, by name or by chance."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from infnet_monai.errors import InputError


def split_cases(
    names: Sequence[str],
    training: Sequence[str] | None = None,
    validation: float | Sequence[str] = 0.2,
    test: float | Sequence[str] = 0.0,
    seed: int = 0,
    groups: Mapping[str, str] | None = None,
) -> dict[str, list[str]]:
    """Assign whole cases to the sections of a datalist.

    Args:
        names: All cases.
        training: Cases to train on, others that are named nowhere being left out; None for all the rest.
        validation: Cases by name, or the fraction of all cases to draw.
        test: Cases by name, or the fraction of all cases to draw.
        seed: Seed of the drawing; the same seed draws the same cases.
        groups: Group of each case, e.g. its patient, by name; no group is divided between sections: its unnamed cases
            follow the named ones, and whole groups are drawn as long as they fit into the fraction.

    Returns:
        Names of ``training``, ``validation`` and ``test``; a drawn section is in the order of ``names``.

    Raises:
        InputError: A name is unknown or in two sections, a group is named for two sections, a fraction is not in
            [0, 1), or nothing is left to train on.

    Example:
        >>> split_cases(["a", "b", "c"], validation=["b"])
        {'training': ['a', 'c'], 'validation': ['b'], 'test': []}
    """
    sections = {"validation": validation, "test": test}
    chosen = {section: list(choice) for section, choice in sections.items() if not isinstance(choice, (int, float))}
    if training is not None:
        chosen["training"] = list(training)
    _refuse_unknown_or_double(names, chosen)
    group_of = {name: groups[name] if groups else name for name in names}
    _complete_groups(names, chosen, group_of, training is not None)
    taken = {name for section in chosen.values() for name in section}
    barred = {group_of[name] for name in taken}
    free = list(dict.fromkeys(group_of[name] for name in names if group_of[name] not in barred))
    random.Random(seed).shuffle(free)
    members = {group: [name for name in names if group_of[name] == group] for group in free}
    for section, fraction in sections.items():
        if isinstance(fraction, (int, float)):
            drawn = _draw(members, _count(section, fraction, len(names)))
            chosen[section] = sorted((name for group in drawn for name in members.pop(group)), key=names.index)
    chosen.setdefault("training", sorted((name for group in members.values() for name in group), key=names.index))
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


def _complete_groups(
    names: Sequence[str], chosen: dict[str, list[str]], group_of: Mapping[str, str], training_named: bool
) -> None:
    """Add the unnamed cases of named groups to the sections of these, unless the training cases were named one by one.

    In that case an unnamed case of a training group is left out like any other.
    """
    section_of: dict[str, str] = {}
    for section, members in chosen.items():
        for name in members:
            other = section_of.setdefault(group_of[name], section)
            if other != section:
                raise InputError(
                    f"group '{group_of[name]}' is named for {other} and, by case '{name}', for {section}; "
                    "a group belongs to one"
                )
    named = {name for members in chosen.values() for name in members}
    for name in names:
        section = section_of.get(group_of[name], "")
        if name not in named and section and not (section == "training" and training_named):
            chosen[section].append(name)


def _draw(members: Mapping[str, Sequence[str]], count: int) -> list[str]:
    """Take groups in order while they fit into a number of cases; the first one is taken in any case."""
    drawn: list[str] = []
    cases = 0
    for group, names in members.items():
        if cases < count and (not drawn or cases + len(names) <= count):
            drawn.append(group)
            cases += len(names)
    return drawn


def _count(section: str, fraction: float, total: int) -> int:
    """Cases that a fraction means: at least one unless it is zero."""
    if not 0 <= fraction < 1:
        raise InputError(f"{section} fraction {fraction:g}: expected a fraction from 0 to below 1, or names of cases")
    return max(1, round(fraction * total)) if fraction else 0
