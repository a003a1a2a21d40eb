"""From a folder of images and masks to a data set: find, check, split and write `dataset.json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from infnet_monai.data.datalist import DATALIST_NAME
from infnet_monai.errors import InputError
from infnet_monai.preparation.checks import CaseFacts, check_case
from infnet_monai.preparation.layouts import CaseFiles, find_cases
from infnet_monai.preparation.slice_stack import is_slice_stack, split_slice_stack
from infnet_monai.preparation.split import split_cases
from infnet_monai.preparation.write import build_datalist, write_datalist


@dataclass(frozen=True)
class PreparedDataset:
    """What `prepare_dataset` wrote.

    Args:
        path: the `dataset.json`.
        layout: name of the layout that was recognised.
        sections: figures of the cases of `training`, `validation` and `test`.
        skipped: one line for each case that was left out because it cannot be used.
    """

    path: Path
    layout: str
    sections: dict[str, list[CaseFacts]]
    skipped: list[str]

    def table(self) -> pd.DataFrame:
        """One row a case: section, slices, positive slices, lesion share, spacing, label values and intensities."""
        kinds = {"hu": "HU", "grey": "grey levels", "unit": "0 to 1"}
        rows = [
            {
                "case": facts.files.name,
                "section": section,
                "slices": facts.slices,
                "positive": facts.positive_slices,
                "lesion %": round(100 * facts.lesion_share, 2),
                "spacing mm": " x ".join(f"{mm:.3g}" for mm in facts.spacing_mm),
                "labels": ", ".join(map(str, facts.label_values)),
                "intensities": kinds[facts.intensity],
            }
            for section, cases in self.sections.items()
            for facts in cases
        ]
        return pd.DataFrame(rows)

    def totals(self) -> pd.DataFrame:
        """One row a section: cases, slices, positive slices and mean lesion share of its cases."""
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
    skip_bad: bool = False,
    overwrite: bool = False,
) -> PreparedDataset:
    """Make a `dataset.json`, split by case, once every file has been read and checked.

    Args:
        folder: images and masks in a layout that :func:`find_cases` knows, or MedSeg's `tr_*` files.
        output: folder for `dataset.json`; the data folder itself where None.
        training, validation, test, seed: the split, see :func:`split_cases`.
        lesion_labels: label values that count as lesion, all others being background; None for the layout's own.
        axes: where rows and columns of pictures run to, e.g. `PL`; None for the layout's own, else upright.
        skip_bad: leave out the cases that cannot be used instead of stopping.
        overwrite: replace a `dataset.json` that says something else.

    Raises:
        InputError: nothing was found, cases cannot be used (one line each), the split is impossible, or another
            `dataset.json` is there already; no `dataset.json` is written then.
    """
    source = Path(folder).expanduser()
    target = source if output is None else Path(output).expanduser()
    layout, cases = split_slice_stack(source, target) if is_slice_stack(source) else find_cases(source)
    axes = axes or layout.axes
    lesions, others = (lesion_labels, None) if lesion_labels else (layout.lesion_labels, tuple(layout.label_names))
    sound, bad = _check_cases(cases, lesions, others, axes)
    _refuse_unusable(source, sound, bad, skip_bad)
    split = split_cases(list(sound), training, validation, test, seed)
    sections = {section: [sound[name] for name in names] for section, names in split.items()}
    path = target / DATALIST_NAME
    write_datalist(path, build_datalist(path, layout, sections, lesion_labels=lesions, axes=axes, seed=seed), overwrite)
    return PreparedDataset(path, layout.title, sections, bad)


def _check_cases(
    cases: Sequence[CaseFiles], lesion_labels: Sequence[int], background_labels: Sequence[int] | None, axes: str | None
) -> tuple[dict[str, CaseFacts], list[str]]:
    """Facts of the sound cases by name, and one line for each of the others."""
    sound: dict[str, CaseFacts] = {}
    bad: list[str] = []
    first_with: dict[str, Path] = {}
    for case in tqdm(cases, desc="Checking", unit="case", disable=None):
        try:
            facts = check_case(case, lesion_labels, background_labels, axes)
            twin = first_with.setdefault(facts.sha256["image"], case.image)
            if twin != case.image:
                raise InputError(f"{case.image}: the same image as {twin}; keep one, lest a case be in two sections")
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
