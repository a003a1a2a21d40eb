"""The ``infnet`` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infnet_monai import __version__
from infnet_monai.errors import InputError
from infnet_monai.networks import convert_authors_checkpoint

app = typer.Typer(help="Lung-infection segmentation on chest CT.", no_args_is_help=True, add_completion=False)


@app.callback()
def main() -> None:
    """Lung-infection segmentation on chest CT. Not a medical device."""


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


@app.command()
def convert_weights(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Checkpoint of the Inf-Net authors, e.g. Inf-Net-100.pth.")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write, e.g. models/model.pt.")],
    backbone: Annotated[str, typer.Option(help="res2net50, resnet50 or vgg16.")] = "res2net50",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing OUT.")] = False,
) -> None:
    """Convert a checkpoint of the Inf-Net authors to weights that a bundle loads."""
    try:
        convert_authors_checkpoint(source, target, backbone, overwrite=overwrite)
    except InputError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error
    print(f"wrote {target}")
