"""``infnet label-server``: MONAI Label with bundles as its models, for 3D Slicer, OHIF or MITK on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.bundle_folder import DEFAULT_BUNDLE

__all__ = ["label_server"]


def label_server(
    studies: Annotated[str, typer.Argument(help="Folder of the scans, or address of a DICOMweb server.")],
    models: Annotated[list[str] | None, typer.Option(help=f"Names or folders (default: {DEFAULT_BUNDLE}).")] = None,
    app: Annotated[Path, typer.Option(help="Folder of the app, with the models that are fine-tuned.")] = (
        Path("label_app")
    ),
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8000,
) -> None:
    """Write an app folder with the models and start the server in this process; Ctrl-C ends it."""
    from infnet_monai.monai_label import Server, write_app

    server = Server(app, studies, port)
    server.check()
    written = write_app(app, models or [DEFAULT_BUNDLE])
    for model in written:
        typer.echo(f"{model.name}: {model.weights} ({'as it was there' if model.kept else 'copied from the bundle'})")
    typer.echo(f"Server address, once it is up: {server.address}; log: {app / 'logs' / 'app.log'}")
    command = server.command([model.name for model in written])
    os.execve(command[0], command, server.environment())
