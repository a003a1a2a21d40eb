"""Which cases are of one patient, so that they stay in one section and in one fold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from infnet_monai.errors import InputError
from infnet_monai.preparation.case_files import CaseFiles
from infnet_monai.scans.find import find_scans
from infnet_monai.scans.load import PICTURE_SUFFIXES

__all__ = ["PATIENT_ID", "group_cases"]

PATIENT_ID = "PatientID"
TABLE_SUFFIXES = {".csv": ",", ".tsv": "\t"}
CASE_COLUMN = "case"


def group_cases(cases: Sequence[CaseFiles], rule: str) -> dict[str, str]:
    r"""Name the group of each case, e.g. its patient.

    Args:
        cases: The cases.
        rule: ``FILE:COLUMN`` for a column of a CSV or TSV file, whose column ``case``, or else its first, holds the
            names of the cases; ``PatientID`` for DICOM images, whose identifiers are replaced by numbers; or a regular
            expression with one group, which is searched in the name of each case.

    Returns:
        The group by the name of the case.

    Raises:
        InputError: The rule cannot be used, or gives a case no group.

    Example:
        >>> cases = [CaseFiles(name, Path(name), None) for name in ("p1_day1", "p1_day9", "p2_day1")]
        >>> group_cases(cases, r"(p\d+)_")
        {'p1_day1': 'p1', 'p1_day9': 'p1', 'p2_day1': 'p2'}
    """
    file, _, column = rule.rpartition(":")
    if rule == PATIENT_ID:
        groups = _by_patient_id(cases)
    elif Path(file).suffix.lower() in TABLE_SUFFIXES:
        groups = _by_table(cases, Path(file).expanduser(), column)
    else:
        groups = _by_name(cases, rule)
    if without := [case.name for case in cases if not groups.get(case.name)]:
        raise InputError(f"group by {rule}: gives no group for {', '.join(without)}; every case needs one")
    return {case.name: groups[case.name] for case in cases}


def _by_name(cases: Sequence[CaseFiles], pattern: str) -> dict[str, str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InputError(f"group by {pattern}: is no regular expression ({error})") from error
    if expression.groups != 1:
        raise InputError(
            f"group by {pattern}: has {expression.groups} groups in parentheses, expected one, e.g. '(p[0-9]+)_'; or "
            f"give FILE.csv:COLUMN or {PATIENT_ID}"
        )
    found = {case.name: expression.search(case.name) for case in cases}
    return {name: match[1] or "" for name, match in found.items() if match}


def _by_table(cases: Sequence[CaseFiles], file: Path, column: str) -> dict[str, str]:
    try:
        table = pd.read_csv(file, sep=TABLE_SUFFIXES[file.suffix.lower()], dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read as a table ({error})") from error
    if column not in table.columns:
        raise InputError(f"{file}: has no column {column!r}; it has {', '.join(map(repr, table.columns))}")
    names = table[CASE_COLUMN if CASE_COLUMN in table.columns else table.columns[0]].str.strip()
    groups: dict[str, str] = {}
    for name, group in zip(names, table[column].str.strip(), strict=True):
        if groups.setdefault(name, group) != group:
            raise InputError(f"{file}: case {name!r} is in two groups, {groups[name]!r} and {group!r}; keep one")
    return groups


def _by_patient_id(cases: Sequence[CaseFiles]) -> dict[str, str]:
    """Number the patients in order, since their identifiers stay out of files that others see."""
    numbers: dict[str, str] = {}
    groups: dict[str, str] = {}
    for case in cases:
        if case.image.name.lower().endswith(PICTURE_SUFFIXES):
            continue
        identifier = find_scans([case.image])[0].header.patient_id
        if identifier:
            groups[case.name] = numbers.setdefault(identifier, f"patient {len(numbers) + 1}")
    return groups
