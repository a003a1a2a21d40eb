"""``infnet evaluate-maps``: a folder of probability maps against masks of the same names.

Probability maps and masks are PNG, JPEG, NumPy (.npy) or NIfTI files; 8-bit values are divided by 255, but 0 and 1
are kept. The paper's protocol takes volumes slice by slice along the patient's axis, the clinical one as a whole, with
HD95 in mm. The spacing of pictures and arrays is not known: their HD95 is undefined.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infnet_monai.cli.command import say_what_is_done

if TYPE_CHECKING:
    from infnet_monai.evaluation.map_folders import FolderEvaluation

__all__ = ["evaluate_maps"]

LONGEST_LIST = 10


class ProtocolName(str, Enum):
    """What typer offers as protocols."""

    paper = "paper"
    clinical = "clinical"


def evaluate_maps(
    pred: Annotated[Path, typer.Option(help="Folder of probability maps.")],
    gt: Annotated[Path, typer.Option(help="Folder of masks.")],
    protocol: Annotated[ProtocolName, typer.Option(help="Metrics as published, or those at threshold 0.5.")] = (
        ProtocolName.paper
    ),
    output: Annotated[Path, typer.Option(help="JSON to write; the CSV goes beside it.")] = Path("metrics.json"),
) -> None:
    """Print the row of the published tables, write JSON and one CSV row an image; status 1 if a file was bad."""
    from infnet_monai.evaluation.map_folders import evaluate_map_folders
    from infnet_monai.evaluation.metric_tables import write_evaluation

    say_what_is_done()
    evaluation = evaluate_map_folders(pred, gt, protocol.value)
    csv = write_evaluation(evaluation, output)
    _report(evaluation)
    typer.echo(f"Summary: {output}\nImages:  {csv}")
    if evaluation.failures:
        raise typer.Exit(1)


def _report(evaluation: FolderEvaluation) -> None:
    from infnet_monai.evaluation.metric_tables import describe_protocol, table_row

    for line in evaluation.failures:
        typer.echo(line, err=True)
    n_cases = evaluation.table["case"].nunique()
    typer.echo(f"Protocol {describe_protocol(evaluation.protocol)}")
    typer.echo(
        f"{n_cases} files, {len(evaluation.table)} images\n\n{table_row(evaluation.summary, evaluation.protocol)}\n"
    )
    undefined = [f"{name} in {count}" for name, count in evaluation.undefined.items() if count]
    if undefined:
        typer.echo(f"Undefined and left out of the mean: {', '.join(undefined)} images")
    typer.echo(f"Resized to the mask (bilinear): {_listed(evaluation.resized)}")
    typer.echo(f"Probability maps without a mask: {_listed(evaluation.maps_without_mask)}")
    typer.echo(f"Masks without a probability map: {_listed(evaluation.masks_without_map)}")


def _listed(cases: list[str]) -> str:
    names = ", ".join(cases[:LONGEST_LIST]) + (", ..." if len(cases) > LONGEST_LIST else "")
    return f"{len(cases)} ({names})" if cases else "none"
