"""``infnet compare``: bundles and baseline networks trained alike, and evaluated by the paper's protocol."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.cli.command import resumable, say_what_is_done
from infnet_monai.comparison.baseline_networks import BASELINES

__all__ = ["compare"]


def compare(
    output_dir: Annotated[Path, typer.Option(help="Folder of all results.")],
    dataset_dir: Annotated[Path | None, typer.Option(help="Prepared data (default: the phantom).")] = None,
    bundles: Annotated[
        list[str] | None, typer.Option(help="Names, or paths of folders (default: all bundles).")
    ] = None,
    baselines: Annotated[list[str] | None, typer.Option(help=f"Networks of MONAI: {', '.join(BASELINES)}.")] = None,
    seeds: Annotated[list[int] | None, typer.Option(help="Each is a run of its own (default: 0).")] = None,
    folds: Annotated[int | None, typer.Option(help="Cross-validate over training and validation items.")] = None,
    extra_training: Annotated[
        Path | None,
        typer.Option(help="Prepared data that every fold trains on as well."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Length of training (default: the bundles').")] = None,
    override: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for every run; values are JSON.")] = None,
    overlay: Annotated[str | None, typer.Option(help="Second config file in each bundle's configs folder.")] = None,
    evaluation_overlay: Annotated[str | None, typer.Option(help="The same for the evaluation.")] = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train again where options have changed.")] = False,
    dask: Annotated[
        str, typer.Option(metavar="N|ADDRESS", help="Dask: N runs at once here, or the scheduler of a cluster.")
    ] = "",
) -> None:
    """Train every bundle, evaluate it, and write tables, pictures and index.html; status 1 if a run failed."""
    with resumable(), ExitStack() as held:  # the imports, too, are interrupted
        from infnet_monai.bundle.generate import BUNDLES
        from infnet_monai.comparison.compare import compare as compare_methods
        from infnet_monai.comparison.options import SET_HERE, ComparisonOptions, find_methods
        from infnet_monai.phantom import phantom_dataset_dir
        from infnet_monai.training import parse_overrides

        say_what_is_done()
        # Baselines alone may be compared; a bundle of another task is not beside the others by default.
        names = bundles if bundles or baselines else [entry.name for entry in BUNDLES if not entry.task]
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
        complete = None
        if dask:
            from infnet_monai.comparison.on_dask import complete_on_dask
            from infnet_monai.inference.cluster import dask_client

            client = held.enter_context(dask_client(dask))
            typer.echo(f"Dask dashboard: {client.dashboard_link}")
            complete = partial(complete_on_dask, client)
        comparison = compare_methods(options, complete)
    typer.echo((options.output_dir / "table.md").read_text(encoding="utf-8"))
    typer.echo("\n".join(f"Wrote {path}" for path in comparison.files))
    if comparison.problems:
        typer.echo(f"{len(comparison.problems)} run(s) not finished: see index.html", err=True)
        raise typer.Exit(1)
