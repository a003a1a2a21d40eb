"""``infnet prepare``: a data set for training from a folder of images and masks, checked and split by case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infnet_monai.cli.command import say_what_is_done
from infnet_monai.errors import InputError
from infnet_monai.label_scheme import LabelScheme

if TYPE_CHECKING:
    from infnet_monai.preparation.prepare import PreparedDataset

__all__ = ["prepare"]

LONGEST_TABLE = 30


def prepare(
    folder: Annotated[Path, typer.Argument(help="Folder of images and masks.")],
    output: Annotated[Path | None, typer.Option(help="Folder for dataset.json (default: the data's own).")] = None,
    training: Annotated[str | None, typer.Option(help="Case names (default: all that are left).")] = None,
    validation: Annotated[str, typer.Option(help="Case names separated by commas, or a fraction such as 0.2.")] = "0.2",
    test: Annotated[str, typer.Option(help="Case names separated by commas, or a fraction.")] = "0.0",
    seed: Annotated[int, typer.Option(help="Seed of the drawing.")] = 0,
    lesion_labels: Annotated[str | None, typer.Option(help="Label values that are lesion, e.g. 1,2.")] = None,
    classes: Annotated[
        str | None, typer.Option(help="Lesion classes to be distinguished, e.g. 'ground glass=1,consolidation=2'.")
    ] = None,
    axes: Annotated[str | None, typer.Option(help="Where rows and columns of pictures run to: PL is upright.")] = None,
    intensity: Annotated[str, typer.Option(help="auto, hu, grey or unit; train with the same --intensity.")] = "auto",
    accept: Annotated[
        str, typer.Option(metavar="CODE,CODE", help="Problems of scans to accept, e.g. no-orientation.")
    ] = "",
    group_by: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="Keep the scans of a patient in one section and fold: FILE.csv:COLUMN, a regular expression on the "
            "case's name with one group such as '(p[0-9]+)_', or PatientID for DICOM.",
        ),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out cases that cannot be used.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another dataset.json.")] = False,
) -> None:
    """Check images and masks, split them by case, write dataset.json and contact_sheet.png.

    FOLDER may hold: images/ beside labels/, masks/ or infection/ (and lungs/); masks beside their images, ending in
    _seg or _mask; one folder a patient with ct.nii.gz + lesion.nii.gz; a dataset.json of the Medical Segmentation
    Decathlon; MedSeg's rp_im/ + rp_msk/ or tr_im.nii.gz + tr_mask.nii.gz; COVID-19-CT-Seg; COVID-SemiSeg's Imgs/ + GT/.
    """
    from infnet_monai.preparation.prepare import prepare_dataset
    from infnet_monai.reporting.dataset_sheet import draw_dataset_sheet

    say_what_is_done()
    prepared = prepare_dataset(
        folder,
        output,
        training=_names(training) if training else None,
        validation=_fraction_or_names(validation),
        test=_fraction_or_names(test),
        seed=seed,
        lesion_labels=_integers(lesion_labels) if lesion_labels else None,
        axes=axes,
        intensity=intensity,
        accept=accept,
        group_by=group_by,
        skip_bad=skip_bad,
        overwrite=overwrite,
        classes=_scheme(classes) if classes else None,
    )
    picture = draw_dataset_sheet(prepared.path.parent)
    _report(prepared, picture)


def _report(prepared: PreparedDataset, picture: Path) -> None:
    from infnet_monai.data.datalist import read_datalist

    table, totals = prepared.table(), prepared.totals()
    datalist = read_datalist(prepared.path.parent)
    lesion = ", ".join(f"{value} ({datalist['labels'][str(value)]})" for value in datalist["lesion_labels"])
    typer.echo(f"Layout: {prepared.layout}\nLesion: {lesion}\n")
    if len(table) <= LONGEST_TABLE:
        typer.echo(table.to_string(index=False) + "\n")
    typer.echo(totals.to_string(index=False) + "\n")
    for line in prepared.skipped:
        typer.echo(f"Left out: {line}")
    for line in prepared.warnings:
        typer.echo(f"Warning: {line}", err=True)
    typer.echo(f"Data set: {prepared.path}\nPicture:  {picture} (do the outlines fit, do patients lie on their backs?)")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _fraction_or_names(text: str) -> float | list[str]:
    """A number with a decimal point is a fraction; ``9`` is the name of a case."""
    try:
        return float(text) if "." in text or text == "0" else _names(text)
    except ValueError:
        return _names(text)


def _scheme(text: str) -> LabelScheme:
    """Classes of ``name=1,other name=2+3``."""
    labels: dict[str, list[int]] = {}
    for part in _names(text):
        name, _, values = part.rpartition("=")
        try:
            labels[name.strip()] = [int(value) for value in values.split("+")]
        except ValueError:
            raise InputError(f"--classes {text}: expected names and label values, e.g. 'ground glass=1'") from None
    return LabelScheme.from_names(labels)


def _integers(text: str) -> list[int]:
    try:
        return [int(part) for part in _names(text)]
    except ValueError as error:
        raise InputError(f"--lesion-labels {text}: expected whole numbers separated by commas, e.g. 1,2") from error
