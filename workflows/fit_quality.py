"""Fit the estimate of quality of a bundle on held-out scans, as they are and damaged: writes models/quality.npz.

python workflows/fit_quality.py --bundle NAME --dataset DATA --comparison CV --output OUT    folds of a cross-validation
python workflows/fit_quality.py --bundle NAME --dataset DATA --output OUT                    test section of DATA alone

DATA is what the bundle's weights were trained on. Run the same command again to resume. docs/quality.md says what is
measured and what the estimate is good for.
"""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.bundle_folder import DEFAULT_BUNDLE, find_bundle
from infnet_monai.calibration import CalibrationOptions, calibrate, find_held_out, unseen_test_cases
from infnet_monai.cli.many_values import ManyValues
from infnet_monai.data.datalist import load_datalist, read_datalist
from infnet_monai.errors import InputError, terminate_like_ctrl_c
from infnet_monai.quality.model import QUALITY_FILE

app = typer.Typer(add_completion=False)


@app.command(cls=ManyValues)
def fit_quality(
    dataset: Annotated[list[Path], typer.Option(help="Prepared data that the bundle's weights were trained on.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the samples and their table.")],
    bundle: Annotated[str, typer.Option(help="Folder or name of a bundle.")] = DEFAULT_BUNDLE,
    weights: Annotated[Path | None, typer.Option(help="Weights (default: the bundle's models/model.pt).")] = None,
    comparison: Annotated[
        list[Path] | None, typer.Option(help="Outputs of compare_backbones.py --folds N with this bundle.")
    ] = None,
    levels: Annotated[list[int] | None, typer.Option(help="Levels of the damages (default: 1 2 3).")] = None,
    slices: Annotated[int | None, typer.Option(help="Largest number of slices of a case (default: all).")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda ... (default: a GPU where there is one).")] = None,
) -> None:
    """Fit on held-out scans and write the quality file beside the weights."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("infnet_monai").setLevel(logging.INFO)
    terminate_like_ctrl_c()
    try:
        folder = find_bundle(bundle)
        weights = weights or folder / "models" / "model.pt"
        models = [model for place in comparison or () for model in find_held_out(place, folder.name)]
        models += [unseen_test_cases(weights, place) for place in dataset if read_datalist(place).get("test")]
        training = [item for place in dataset for item in load_datalist(place, "training")]
        model = calibrate(
            folder, models, training, output, CalibrationOptions(slices, levels or (1, 2, 3), device), weights
        )
        target = weights.with_name(QUALITY_FILE)
        model.write(target)
    except InputError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    print(f"{model.facts['held_out_cases']} held-out cases, {model.facts['samples']} samples: {output}")
    print(f"wrote {target} ({os.path.getsize(target) / 1000:.0f} kB)")


if __name__ == "__main__":
    app()
