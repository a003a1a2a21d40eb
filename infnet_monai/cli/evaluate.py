"""``infnet evaluate``: masks of whole scans against references: volumes, % of the lungs, false positives, agreement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infnet_monai.cli.command import say_what_is_done
from infnet_monai.errors import InputError

if TYPE_CHECKING:
    from infnet_monai.evaluation.scan_folders import ScanEvaluation

__all__ = ["evaluate"]

LONGEST_LIST = 10


def evaluate(
    pred: Annotated[list[Path], typer.Option(help="Folders of predicted masks, e.g. of infnet segment.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")],
    gt: Annotated[Path | None, typer.Option(help="Folder of reference masks of the same names.")] = None,
    lungs: Annotated[Path | None, typer.Option(help="Folder of lung masks (default: NAME_lungs of --pred).")] = None,
    lesion_free: Annotated[
        list[str] | None,
        typer.Option(help="Scans without lesions, which need no reference: names, patterns or .txt files of these."),
    ] = None,
    lesion_labels: Annotated[
        list[int] | None, typer.Option(help="Values of the references that mean lesion (default: 1, 2 and 255).")
    ] = None,
    background_labels: Annotated[
        list[int] | None, typer.Option(help="Values of the references beside 0 that are no lesion.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Print the summary, write scans.csv, summary.json and pictures; status 1 if a scan could not be measured."""
    from infnet_monai.evaluation.scan_folders import ScanFolders, evaluate_scans
    from infnet_monai.evaluation.scan_masks import LabelValues
    from infnet_monai.reporting.scan_evaluation import write_scan_evaluation

    say_what_is_done()
    labels = LabelValues(tuple(lesion_labels or ()), tuple(background_labels or ()))
    folders = ScanFolders(pred, gt, lungs, lesion_free or (), labels, seed)
    try:
        evaluation = evaluate_scans(folders)
        files = write_scan_evaluation(evaluation, output)
    except OSError as error:
        raise InputError(str(error)) from error
    if as_json:
        print((output / "summary.json").read_text(encoding="utf-8"))
    else:
        _report(evaluation)
        typer.echo("\n".join(f"Wrote {path}" for path in files))
    if evaluation.failures:
        raise typer.Exit(1)


def _report(evaluation: ScanEvaluation) -> None:
    from infnet_monai.reporting.scan_evaluation import summary_lines

    for line in evaluation.failures.values():
        typer.echo(line, err=True)
    typer.echo("\n".join(summary_lines(evaluation.groups)) + "\n")
    for what, names in (
        ("Failed", list(evaluation.failures)),
        ("Left out, predictions without a reference", evaluation.without_reference),
        ("Left out, references without a prediction", evaluation.without_prediction),
        ("With the lungs that the segmentation itself found", evaluation.with_predicted_lungs),
        ("Without lungs, % of the lungs undefined", evaluation.without_lungs),
    ):
        if names:
            typer.echo(f"{what}: {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    return f"{len(names)} ({', '.join(names[:LONGEST_LIST])}{', ...' if len(names) > LONGEST_LIST else ''})"
