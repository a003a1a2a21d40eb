"""``infnet scans``: what there is in folders, and what ``infnet segment`` would do with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.cli.command import print_json

__all__ = ["scans"]


def scans(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help="Scans (NIfTI, NRRD, MetaImage), DICOM or other folders.")
    ],
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the table, with a row for each scan.")
    ] = None,
    accept: Annotated[
        str, typer.Option(metavar="CODE,...", help="As for segment --accept: problems that become warnings.")
    ] = "",
    all_scans: Annotated[
        bool, typer.Option("--all", help="As for segment --all: count what does not look like a chest CT as well.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as one JSON object.")] = False,
) -> None:
    """List the scans in folders: which would be segmented, skipped or refused, and why."""
    from infnet_monai.files import atomic_write
    from infnet_monai.scans.acceptance import Acceptance
    from infnet_monai.scans.find import find_scans
    from infnet_monai.scans.listing import scan_rows, scan_table, scan_text

    accepted = Acceptance(accept, all_scans)  # type: ignore[arg-type]  # one text with commas is read, too
    found = [source.accepting(accepted.codes, accepted.all_scans) for source in find_scans(inputs)]
    if as_json:
        print_json({"scans": scan_rows(found)})
    else:
        print(scan_text(found))
    if csv is not None:
        with atomic_write(csv) as draft:
            scan_table(found).to_csv(draft, index=False)
        typer.echo(f"wrote {csv}", err=as_json)
