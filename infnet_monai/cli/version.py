"""``infnet version``: the version, and those of the packages that decide results."""

from __future__ import annotations

from typing import Annotated

import typer

from infnet_monai import __version__
from infnet_monai.cli.command import print_json

__all__ = ["version"]


def version(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print it with the versions of Python and packages as one JSON object.")
    ] = False,
) -> None:
    """Print the version."""
    if as_json:
        from infnet_monai.run_record import package_versions

        print_json(package_versions())
    else:
        print(__version__)
