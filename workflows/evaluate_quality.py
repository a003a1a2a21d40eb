"""Test the estimate of quality on the samples of workflows/fit_quality.py, each case by a fit that has not seen it.

python workflows/evaluate_quality.py --samples OUT/samples.csv --output RESULTS

Writes estimates.csv, by_damage.csv, summary.json and the risk-coverage curve (CSV, PNG). docs/quality.md explains them.
"""

from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.calibration.evaluate import evaluate_quality
from infnet_monai.cli.many_values import ManyValues
from infnet_monai.errors import InputError, terminate_like_ctrl_c

app = typer.Typer(add_completion=False)


@app.command(cls=ManyValues)
def evaluate(
    samples: Annotated[Path, typer.Option(help="The samples.csv of workflows/fit_quality.py.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")],
) -> None:
    """Write how well the estimate ranks masks, what it flags, and how often its ranges hold."""
    terminate_like_ctrl_c()
    try:
        summary = evaluate_quality(samples, output)
    except InputError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    for name, value in summary.items():
        print(f"{name}: {value}")
    print(f"wrote {output}")


if __name__ == "__main__":
    app()
