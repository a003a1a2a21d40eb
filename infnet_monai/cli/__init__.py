"""The ``infnet`` command: one module a subcommand, and one line for what a user can mend."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from infnet_monai import __version__
from infnet_monai.cli.convert_weights import convert_weights
from infnet_monai.cli.federated import federated
from infnet_monai.cli.scans import scans
from infnet_monai.cli.segment import segment
from infnet_monai.cli.summarise import summarise
from infnet_monai.errors import InputError, printable_lines, terminate_like_ctrl_c

__all__ = ["app"]

INTERRUPTED = 130  # as shells give it for Ctrl-C


class _Commands(TyperGroup):
    """The subcommands; they end with one line for an InputError, Ctrl-C or SIGTERM."""

    def invoke(self, ctx: Any) -> Any:
        terminate_like_ctrl_c()
        try:
            return super().invoke(ctx)
        except InputError as error:
            typer.echo(f"Error: {printable_lines(str(error))}", err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            typer.echo("Interrupted.", err=True)
            raise typer.Exit(INTERRUPTED) from error


app = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False)


@app.callback()
def main() -> None:
    """Lung-infection segmentation on chest CT. Not a medical device."""


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


app.command()(segment)
app.command()(summarise)
app.command()(scans)
app.command()(convert_weights)
app.add_typer(federated, name="federated")
