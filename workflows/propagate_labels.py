"""Semi-Inf-Net: pseudo labels for unlabelled slices by random propagation, then training on them and fine-tuning.

python workflows/propagate_labels.py --dataset-dir DATA --unlabelled PICTURES --output-dir OUT     train a model first
python workflows/propagate_labels.py ... --weights MODEL.pt                                        start from one
python workflows/propagate_labels.py ... --bundle vgg16 --override pretrained=false                another bundle
python workflows/propagate_labels.py ... --axes "*coronacases*=LA"            some pictures lie the other way round

The same command goes on where it was interrupted. docs/semi_supervised.md says what is done and how.
"""

import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.errors import InputError
from infnet_monai.semi.options import PropagationOptions, parse_bundle_overrides
from infnet_monai.semi.propagate import propagate_labels
from infnet_monai.training.bundle_training import TrainingFailed
from infnet_monai.training.methods import find_methods

BUNDLES_DIR = Path(__file__).parents[1] / "bundles"

app = typer.Typer(add_completion=False)


@app.command()
def main(
    dataset_dir: Annotated[
        Path, typer.Option("--dataset-dir", "--dataset_dir", help="Labelled data, from prepare_data.py.")
    ],
    unlabelled: Annotated[Path, typer.Option(help="Folder of unlabelled slices (PNG, JPEG, BMP).")],
    output_dir: Annotated[Path, typer.Option("--output-dir", "--output_dir", help="Folder of all results.")],
    bundle: Annotated[str, typer.Option(help="Name or folder.")] = "infnet_res2net50",
    weights: Annotated[Path | None, typer.Option(help="Trained model (default: train one first).")] = None,
    group_size: Annotated[int, typer.Option(help="Slices labelled in one round.")] = 5,
    iterations: Annotated[int, typer.Option(help="Batches of fine-tuning in one round.")] = 50,
    round_learning_rate: Annotated[
        float | None, typer.Option(help="Of this fine-tuning (default: a tenth of the bundle's).")
    ] = None,
    threshold: Annotated[float, typer.Option(help="From this probability on, a pixel is lesion.")] = 0.5,
    epochs: Annotated[int | None, typer.Option(help="Of the trainings (default: the bundle's).")] = None,
    fine_tune_epochs: Annotated[int | None, typer.Option(help="Of the last training (default: --epochs).")] = None,
    fine_tune_learning_rate: Annotated[
        float | None, typer.Option(help="Of the last training (default: the bundle's).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the groups and the trainings.")] = 0,
    axes: Annotated[
        list[str] | None,
        typer.Option(help="AXES or NAME-PATTERN=AXES: where rows and columns run (default: as in labelled pictures)."),
    ] = None,
    override: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for all trainings; VALUE is JSON.")] = None,
    overlay: Annotated[str | None, typer.Option(help="Second config file in the bundle's configs folder.")] = None,
) -> None:
    """Label the slices group by group, train on the pseudo labels, fine-tune on the labelled slices."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("infnet_monai").setLevel(logging.INFO)
    # Batch systems end a job with SIGTERM: the training under way is to end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        options = PropagationOptions(
            dataset_dir=dataset_dir.resolve(),
            unlabelled_dir=unlabelled.resolve(),
            output_dir=output_dir.resolve(),
            method=find_methods([bundle], [], BUNDLES_DIR)[0],
            weights=weights.resolve() if weights else None,
            group_size=group_size,
            iterations=iterations,
            round_learning_rate=round_learning_rate,
            threshold=threshold,
            epochs=epochs,
            fine_tune_epochs=fine_tune_epochs,
            fine_tune_learning_rate=fine_tune_learning_rate,
            seed=seed,
            axes=axes or (),
            overrides=parse_bundle_overrides(override or []),
            overlay=overlay,
        )
        propagation = propagate_labels(options)
    except (InputError, TrainingFailed) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("Interrupted: the same command goes on from here.", err=True)
        raise typer.Exit(130) from None
    typer.echo("\n".join(f"Wrote {path}" for path in propagation.files))


if __name__ == "__main__":
    app()
