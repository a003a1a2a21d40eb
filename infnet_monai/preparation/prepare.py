"""From a folder of images and masks to a data set: find, check, split and write ``dataset.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from infnet_monai.data.datalist import DATALIST_NAME
from infnet_monai.errors import InputError
from infnet_monai.label_scheme import LabelScheme
from infnet_monai.preparation.case_files import CaseFiles
from infnet_monai.preparation.checks import CaseFacts, check_case
from infnet_monai.preparation.groups import group_cases
from infnet_monai.preparation.layouts import find_cases
from infnet_monai.preparation.split import split_cases
from infnet_monai.preparation.write import build_datalist, write_datalist
from infnet_monai.scans.acceptance import Acceptance
from infnet_monai.transforms.window import check_intensity

NAMED = 5


@dataclass(frozen=True)
class PreparedDataset:
    """What ``prepare_dataset`` wrote.

    Attributes:
        path: The ``dataset.json``.
        layout: Name of the layout that was recognised.
        sections: Facts of the cases of ``training``, ``validation`` and ``test``.
        skipped: One line for each case that was left out because it cannot be used.
        warnings: One line for each section on which metrics will be undefined, and for what is doubtful in images.
        groups: Group of each case by name; empty where cases are not grouped.
    """

    path: Path
    layout: str
    sections: dict[str, list[CaseFacts]]
    skipped: list[str]
    warnings: list[str]
    groups: Mapping[str, str] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """One row a case: section, slices, positive slices, lesion in % of the voxels, spacing, labels, intensities."""
        kinds = {"hu": "HU", "grey": "grey levels", "unit": "0 to 1"}
        rows = [
            {
                "case": facts.files.name,
                "section": section,
                **({"group": self.groups[facts.files.name]} if self.groups else {}),
                "slices": facts.slices,
                "positive": facts.positive_slices,
                "lesion %": round(100 * facts.lesion_fraction, 2),
                "spacing mm": " x ".join(f"{mm:.3g}" for mm in facts.spacing_mm),
                "labels": ", ".join(map(str, facts.label_values)),
                "intensities": kinds[facts.intensity],
            }
            for section, cases in self.sections.items()
            for facts in cases
        ]
        return pd.DataFrame(rows)

    def totals(self) -> pd.DataFrame:
        """One row a section: cases, slices, positive slices and mean lesion of its cases in % of the voxels."""
        groups = self.table().rename(columns={"lesion %": "lesion"}).groupby("section", sort=False)
        totals = groups.agg(
            cases=("case", "size"), slices=("slices", "sum"), positive=("positive", "sum"), lesion=("lesion", "mean")
        )
        return totals.round(2).rename(columns={"lesion": "lesion %"}).reset_index()


def prepare_dataset(
    folder: str | Path,
    output: str | Path | None = None,
    *,
    training: Sequence[str] | None = None,
    validation: float | Sequence[str] = 0.2,
    test: float | Sequence[str] = 0.0,
    seed: int = 0,
    lesion_labels: Sequence[int] | None = None,
    axes: str | None = None,
    intensity: str = "auto",
    accept: str | Sequence[str] = (),
    group_by: str | None = None,
    skip_bad: bool = False,
    overwrite: bool = False,
    classes: LabelScheme | None = None,
) -> PreparedDataset:
    """Make a ``dataset.json``, split by case, once every file has been read and checked.

    Args:
        folder: Images and masks in one of :data:`infnet_monai.preparation.layouts.LAYOUTS`.
        output: Folder for ``dataset.json``; None for the data folder itself.
        training: Cases to train on, see :func:`split_cases`.
        validation: Names of cases or fraction of the cases, see :func:`split_cases`.
        test: Names of cases or fraction of the cases, see :func:`split_cases`.
        seed: Seed of the drawing, see :func:`split_cases`.
        lesion_labels: Label values that count as lesion, all others being background; None for the layout's own.
        axes: Where rows and columns of pictures run to, e.g. ``PL``; None for the layout's own, else upright.
        intensity: Kind of the images' intensities where ``"auto"`` detects none: ``"hu"``, ``"grey"`` or ``"unit"``;
            training has to be told the same.
        accept: Codes of problems of scans that are accepted, see :class:`infnet_monai.scans.Acceptance`; noted in the
            items, so that training accepts them as well.
        group_by: Rule for the cases of one patient, which stay in one section and one fold, see
            :func:`infnet_monai.preparation.groups.group_cases`; None where each case stands alone.
        skip_bad: Leave out the cases that cannot be used instead of stopping.
        overwrite: Replace a ``dataset.json`` that says something else.
        classes: Lesion classes to be distinguished, whose label values then count as lesion.

    Returns:
        What was written.

    Raises:
        InputError: Nothing was found, cases cannot be used (one line each), the split is impossible or leaves no
            lesion to train on, or another ``dataset.json`` is there already; no ``dataset.json`` is written then.
    """
    check_intensity(intensity)
    codes = Acceptance(accept).codes  # type: ignore[arg-type]
    source = Path(folder).expanduser()
    target = source if output is None else Path(output).expanduser()
    found = find_cases(source, target)
    axes = axes or found.axes
    groups = group_cases(found.cases, group_by) if group_by else {}
    if classes is not None:
        lesion_labels = [value for one in classes for value in one.labels]
    lesions, others = (lesion_labels, None) if lesion_labels else (found.lesion_labels, tuple(found.label_names))
    sound, bad = _check_cases(found.cases, lesions, others, axes, intensity, codes)
    _refuse_unusable(source, sound, bad, skip_bad)
    split = split_cases(list(sound), training, validation, test, seed, groups)
    sections = {section: [sound[name] for name in names] for section, names in split.items()}
    warnings = _sections_without_lesion(sections) + _doubts(sound)
    path = target / DATALIST_NAME
    content = build_datalist(
        path, found, sections, lesion_labels=lesions, axes=axes, seed=seed, groups=groups, classes=classes
    )
    write_datalist(path, content, overwrite)
    return PreparedDataset(path, found.title, sections, bad, warnings, groups)


def _check_cases(
    cases: Sequence[CaseFiles],
    lesion_labels: Sequence[int],
    background_labels: Sequence[int] | None,
    axes: str | None,
    intensity: str,
    accept: Sequence[str],
) -> tuple[dict[str, CaseFacts], list[str]]:
    """Facts of the sound cases by name, and one line for each of the others."""
    sound: dict[str, CaseFacts] = {}
    bad: list[str] = []
    first_with: dict[str, Path] = {}
    for case in tqdm(cases, desc="Checking", unit="case", disable=None):
        try:
            facts = check_case(case, lesion_labels, background_labels, axes, intensity, accept)
            twin = first_with.setdefault(facts.sha256["image"], case.image)
            if twin != case.image:
                raise InputError(f"{case.image}: the same image as {twin}; keep one of the two")
            sound[case.name] = facts
        except InputError as error:
            bad.append(str(error))
    return sound, bad


def _refuse_unusable(folder: Path, sound: dict[str, CaseFacts], bad: list[str], skip_bad: bool) -> None:
    if bad and not (sound and skip_bad):
        remedy = "mend them, or leave them out with --skip-bad" if sound else "mend them"
        last = f"{len(bad)} of {len(bad) + len(sound)} cases cannot be used: {remedy}. No dataset.json was written."
        raise InputError("\n".join([*bad, last]))
    if not any(facts.positive_slices for facts in sound.values()):
        raise InputError(f"{folder}: no mask holds a lesion; say which label values are lesion with --lesion-labels")


def _doubts(cases: Mapping[str, CaseFacts]) -> list[str]:
    """One line for each warning about images, with the cases that it is about."""
    names: dict[str, list[str]] = {}
    for name, facts in cases.items():
        for warning in facts.warnings:
            names.setdefault(warning, []).append(name)
    return [
        f"{', '.join(some[:NAMED])}{f' and {len(some) - NAMED} more' if len(some) > NAMED else ''}: {warning}"
        for warning, some in names.items()
    ]


def _sections_without_lesion(sections: Mapping[str, Sequence[CaseFacts]]) -> list[str]:
    """One line for each section without a slice to train or measure on; refused for training."""
    warnings = []
    for section, cases in sections.items():
        if not cases or any(facts.positive_slices for facts in cases):
            continue
        names = ", ".join(facts.files.name for facts in cases)
        line = f"{section} ({names}): no slice holds a lesion"
        if section == "training":
            raise InputError(f"{line}, so there is nothing to train on; name other cases, or draw with another --seed")
        warnings.append(f"{line}, so its metrics are undefined; name other cases with --{section}, or draw again")
    return warnings
