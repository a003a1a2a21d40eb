"""``infnet follow-up``: the scans of each patient in the order of their dates."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["follow_up"]


def follow_up(
    results: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the results of infnet segment.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder to write to.")],
    patients: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Columns scan, patient, date (default: as the DICOM headers say)."),
    ] = None,
    show_patient_id: Annotated[
        bool, typer.Option("--show-patient-id", help="Name patients by their PatientID instead of numbering them.")
    ] = False,
) -> None:
    """Compare the scans of each patient over time: a table, a page and a picture of each patient."""
    from infnet_monai.follow_up import follow_up as write_follow_up

    logging.basicConfig(format="%(levelname)s: %(message)s")
    written = write_follow_up(results, output, patients, show_patient_id)
    print(f"{written.table['patient'].nunique()} patients with {len(written.table)} scans")
    if written.single:
        print(f"{written.single} patients with one scan are left out")
    for path in written.files:
        print(f"wrote {path}")
    warned = written.table[written.table["warnings"] != ""]
    if len(warned):
        typer.echo(f"{len(warned)} scans with warnings, see {written.files[1]}", err=True)
