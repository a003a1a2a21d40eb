"""Parts of a list of scans, for many machines that share one folder of results."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from infnet_monai.errors import InputError

__all__ = ["Part", "parse_part"]

EXPECTED = "expected I/N with I from 1 to N, e.g. 3/100, or auto, or auto/N"


@dataclass(frozen=True)
class Part:
    """One of several disjoint parts of all scans.

    A scan belongs to a part by a hash of its name alone, so that machines agree also where one of them sees more scans
    than another. Parts are therefore of about the same size, not of exactly the same.

    Attributes:
        number: Number of the part, from 1.
        count: Number of parts.

    Raises:
        InputError: There is no such part.

    Example:
        >>> [[name for name in ("c", "d", "e") if Part(number, 2).holds(name)] for number in (1, 2)]
        [['c', 'e'], ['d']]
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise InputError(f"part {self.number}/{self.count} does not exist; {EXPECTED}")

    def holds(self, name: str) -> bool:
        """Return whether a scan belongs to the part.

        Args:
            name: Name of the scan.
        """
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1


def parse_part(text: str, environment: Mapping[str, str]) -> Part | None:
    """Return the part that an option names.

    Args:
        text: ``"I/N"``; ``"auto"`` for the tasks of a SLURM array, whatever the number of the first; ``"auto/N"`` for
            the tasks, or the pods of a Kubernetes indexed job, 0 to N - 1; empty for all scans.
        environment: Environment variables of the process.

    Returns:
        The part; ``None`` for all scans.

    Raises:
        InputError: The text is none of these, or the environment does not tell the part.

    Example:
        >>> parse_part("auto/20", {"JOB_COMPLETION_INDEX": "0"})
        Part(number=1, count=20)
    """
    if not text:
        return None
    found = re.fullmatch(r"(?:(\d+)/|auto/|auto$)(\d+)?", text)
    if not found or (found[1] and not found[2]) or text == "auto/":
        raise InputError(f"part {text!r} cannot be used; {EXPECTED}")
    if found[1]:
        return Part(int(found[1]), int(found[2]))
    return _part_of_environment(int(found[2]) if found[2] else None, environment)


def _part_of_environment(count: int | None, environment: Mapping[str, str]) -> Part:
    task, pod = (_integer(environment, name) for name in ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"))
    if task is None and pod is None:
        raise InputError("part auto: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set; give I/N")
    if count is not None:
        return Part(1 + (pod if task is None else task), count)  # type: ignore[operator]  # one of them is known
    if task is None:
        raise InputError("part auto: Kubernetes does not tell the number of pods; give auto/N with completions: N")
    first, last, tasks = (_integer(environment, f"SLURM_ARRAY_TASK_{name}") for name in ("MIN", "MAX", "COUNT"))
    if first is None or last is None or last - first + 1 != tasks:
        raise InputError("part auto: the tasks of the SLURM array do not count from first to last by 1; give I/N")
    return Part(task - first + 1, tasks)


def _integer(environment: Mapping[str, str], name: str) -> int | None:
    value = environment.get(name, "")
    return int(value) if value.isdigit() else None
