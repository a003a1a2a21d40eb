"""``infnet summarise``: table and report of all results in a folder."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.cli.command import print_json

__all__ = ["summarise"]


def summarise(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the results of infnet segment.")],
    report: Annotated[bool, typer.Option(help="Write the HTML report, too.")] = True,
    warnings_first: Annotated[
        bool, typer.Option("--warnings-first", help="Put scans that failed or have warnings first in the report.")
    ] = False,
    review: Annotated[
        bool, typer.Option("--review", help="Write review.html, too: the report, most doubtful masks first.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what became of each scan as one JSON object.")] = False,
) -> None:
    """Write table, report and run record of all results in a folder, also while others segment."""
    from infnet_monai.inference.summary import summarise as summarise_results

    logging.basicConfig(format="%(levelname)s: %(message)s")
    summary = summarise_results(output, report=report, warnings_first=warnings_first, review=review)
    if as_json:
        facts = ("states", "failures", "skipped", "warnings", "seconds", "models", "files")
        print_json({("scans" if name == "states" else name): getattr(summary, name) for name in facts})
        return
    counts = Counter(summary.states.values())
    print(f"{len(summary.states)} scans: " + ", ".join(f"{count} {state}" for state, count in counts.most_common()))
    if summary.warnings:
        print(f"{len(summary.warnings)} with warnings")
    for path in summary.files:
        print(f"wrote {path}")
