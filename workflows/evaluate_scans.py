"""Measure predicted masks of whole scans against references: volumes in ml, % of the lungs, false positives, agreement.

python workflows/evaluate_scans.py --pred OUT --gt LABELS --output RESULTS            what infnet segment wrote
python workflows/evaluate_scans.py --pred OUT_1 OUT_2 --gt LABELS --output RESULTS    the folds of a cross-validation
python workflows/evaluate_scans.py --pred OUT --lesion-free 'healthy_*' --output RESULTS    scans without lesions

Every other folder of masks (NIfTI, NRRD, MetaImage) with the references' names will do, too. docs/evaluation.md defines
the metrics.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.cli.many_values import ManyValues
from infnet_monai.errors import InputError, terminate_like_ctrl_c
from infnet_monai.evaluation.scan_folders import ScanEvaluation, ScanFolders, evaluate_scans
from infnet_monai.evaluation.scan_masks import LabelValues
from infnet_monai.reporting.scan_evaluation import summary_lines, write_scan_evaluation

LONGEST_LIST = 10
app = typer.Typer(add_completion=False)


@app.command(cls=ManyValues)
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
) -> None:
    """Print the summary, write scans.csv, summary.json and pictures; status 1 if a scan could not be measured."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("infnet_monai").setLevel(logging.INFO)
    terminate_like_ctrl_c()
    labels = LabelValues(tuple(lesion_labels or ()), tuple(background_labels or ()))
    folders = ScanFolders(pred, gt, lungs, lesion_free or (), labels, seed)
    try:
        evaluation = evaluate_scans(folders)
        files = write_scan_evaluation(evaluation, output)
    except (InputError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("Interrupted. Nothing was written.", err=True)
        raise typer.Exit(130) from None
    _report(evaluation)
    typer.echo("\n".join(f"Wrote {path}" for path in files))
    if evaluation.failures:
        raise typer.Exit(1)


def _report(evaluation: ScanEvaluation) -> None:
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


if __name__ == "__main__":
    app()
