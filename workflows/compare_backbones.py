"""Compare bundles and baseline networks: train all, evaluate by the paper's protocol, write tables and pictures.

python workflows/compare_backbones.py --dataset-dir DATA --output-dir OUT                          all bundles
python workflows/compare_backbones.py ... --bundles vgg16 resnet50 --seeds 0 1 2 --epochs 50       two, three times
python workflows/compare_backbones.py ... --baselines unet flexibleunet                            MONAI's networks
python workflows/compare_backbones.py ... --folds 5                                                cross-validation
python workflows/compare_backbones.py ... --dask tcp://node1:8786                                  on a Dask cluster
python workflows/compare_backbones.py ... --override image_size=[128,128] pretrained=false         options of bundles

Run the same command again to resume an interrupted comparison. docs/comparison.md says what is measured and how.
"""

import logging
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.bundle.generate import BUNDLES
from infnet_monai.cli.many_values import ManyValues
from infnet_monai.comparison.baselines import BASELINES
from infnet_monai.comparison.compare import compare
from infnet_monai.comparison.on_dask import complete_on_dask
from infnet_monai.comparison.options import SET_HERE, ComparisonOptions, find_methods
from infnet_monai.errors import InputError, terminate_like_ctrl_c
from infnet_monai.inference.cluster import dask_client
from infnet_monai.phantom import phantom_dataset_dir
from infnet_monai.training import parse_overrides

app = typer.Typer(add_completion=False)


@app.command(cls=ManyValues)
def compare_backbones(
    output_dir: Annotated[Path, typer.Option("--output-dir", "--output_dir", help="Folder of all results.")],
    dataset_dir: Annotated[
        Path | None, typer.Option("--dataset-dir", "--dataset_dir", help="Prepared data (default: the phantom).")
    ] = None,
    bundles: Annotated[
        list[str] | None, typer.Option(help="Names, or paths of folders (default: all bundles).")
    ] = None,
    baselines: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(BASELINES)}.")] = None,
    seeds: Annotated[list[int] | None, typer.Option(help="Each is a run of its own (default: 0).")] = None,
    folds: Annotated[int | None, typer.Option(help="Cross-validate over training and validation items.")] = None,
    extra_training: Annotated[
        Path | None,
        typer.Option("--extra-training", "--extra_training", help="Prepared data that every fold trains on as well."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Length of training (default: the bundles').")] = None,
    override: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for every run; values are JSON.")] = None,
    overlay: Annotated[str | None, typer.Option(help="Second config file in each bundle's configs folder.")] = None,
    evaluation_overlay: Annotated[
        str | None, typer.Option("--evaluation-overlay", "--evaluation_overlay", help="The same for the evaluation.")
    ] = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train again where options have changed.")] = False,
    dask: Annotated[
        str, typer.Option(metavar="N|ADDRESS", help="Dask: N runs at once here, or the scheduler of a cluster.")
    ] = "",
) -> None:
    """Train every bundle, evaluate it, and write tables, pictures and index.html; status 1 if a run failed."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("infnet_monai").setLevel(logging.INFO)
    terminate_like_ctrl_c()
    # Baselines alone may be compared.
    names = bundles if bundles or baselines else [entry.name for entry in BUNDLES]
    try:
        options = ComparisonOptions(
            dataset_dir=(dataset_dir or phantom_dataset_dir()).resolve(),
            output_dir=output_dir.resolve(),
            methods=find_methods(names or [], baselines or []),
            seeds=tuple(seeds or [0]),
            folds=folds,
            extra_training=None if extra_training is None else extra_training.resolve(),
            epochs=epochs,
            overrides=parse_overrides(override or [], SET_HERE),
            overlay=overlay,
            evaluation_overlay=evaluation_overlay,
            retrain=retrain,
        )
        with ExitStack() as held:
            complete = None
            if dask:
                client = held.enter_context(dask_client(dask))
                typer.echo(f"Dask dashboard: {client.dashboard_link}")
                complete = partial(complete_on_dask, client)
            comparison = compare(options, complete)
    except (InputError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("Interrupted. Run the same command again to resume.", err=True)
        raise typer.Exit(130) from None
    typer.echo((options.output_dir / "table.md").read_text(encoding="utf-8"))
    typer.echo("\n".join(f"Wrote {path}" for path in comparison.files))
    if comparison.problems:
        typer.echo(f"{len(comparison.problems)} run(s) not finished: see index.html", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
