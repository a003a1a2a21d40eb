"""``infnet propagate``: pseudo labels for unlabelled slices as in Semi-Inf-Net, then training on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.cli.command import resumable, say_what_is_done

__all__ = ["propagate"]


def propagate(
    dataset_dir: Annotated[Path, typer.Option(help="Labelled data, from infnet prepare.")],
    unlabelled: Annotated[Path, typer.Option(help="Folder of unlabelled slices (PNG, JPEG, BMP).")],
    output_dir: Annotated[Path, typer.Option(help="Folder of all results.")],
    bundle: Annotated[str, typer.Option(help="Name, or path of a folder.")] = "infnet_res2net50",
    weights: Annotated[Path | None, typer.Option(help="Trained model (default: train one first).")] = None,
    group_size: Annotated[int, typer.Option(help="Slices labelled in one round.")] = 5,
    iterations: Annotated[int, typer.Option(help="Batches of fine-tuning in one round.")] = 50,
    round_learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate of this fine-tuning (default: a tenth of the bundle's).")
    ] = None,
    threshold: Annotated[float, typer.Option(help="From this probability on, a pixel is lesion.")] = 0.5,
    epochs: Annotated[int | None, typer.Option(help="Length of the trainings (default: the bundle's).")] = None,
    fine_tune_epochs: Annotated[
        int | None, typer.Option(help="Length of the last training (default: --epochs).")
    ] = None,
    fine_tune_learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate of the last training (default: the bundle's).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the groups and the trainings.")] = 0,
    axes: Annotated[
        list[str] | None,
        typer.Option(help="AXES or NAME-PATTERN=AXES: where rows and columns run (default: as in labelled pictures)."),
    ] = None,
    override: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for all trainings; VALUE is JSON.")] = None,
    overlay: Annotated[str | None, typer.Option(help="Second config file in the bundle's configs folder.")] = None,
) -> None:
    """Label the slices group by group, train on the pseudo labels, fine-tune on the labelled slices."""
    with resumable():  # the imports, too, are interrupted
        from infnet_monai.semi.options import SET_HERE, PropagationOptions
        from infnet_monai.semi.propagate import propagate_labels
        from infnet_monai.training import Recipe, WorkflowFailed, parse_overrides

        say_what_is_done()
        with resumable(WorkflowFailed):
            options = PropagationOptions(
                dataset_dir=dataset_dir.resolve(),
                unlabelled_dir=unlabelled.resolve(),
                output_dir=output_dir.resolve(),
                recipe=Recipe.find(bundle, [overlay] if overlay else [], parse_overrides(override or [], SET_HERE)),
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
            )
            propagation = propagate_labels(options)
    typer.echo("\n".join(f"Wrote {path}" for path in propagation.files))
