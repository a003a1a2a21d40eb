"""Start MONAI Label with bundles of this project as its models, for 3D Slicer, OHIF or MITK on this machine.

make label-server STUDIES=SCANS                                             sets up .venv-label and calls this script
.venv-label/bin/python workflows/label_server.py SCANS --models infnet_vgg16 --models MY/BUNDLE --port 8010

docs/monai_label.md says how clients connect and what a fine-tuning does.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.bundle_folder import DEFAULT_BUNDLE
from infnet_monai.errors import InputError
from infnet_monai.monai_label import Server, write_app


def label_server(
    studies: Annotated[str, typer.Argument(help="Folder of the scans, or address of a DICOMweb server.")],
    models: Annotated[list[str] | None, typer.Option(help=f"Names or folders (default: {DEFAULT_BUNDLE}).")] = None,
    app: Annotated[Path, typer.Option(help="Folder of the app, with the models that are fine-tuned.")] = (
        Path("label_app")
    ),
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8000,
) -> None:
    """Write an app folder with the models and start the server in this process; Ctrl-C ends it."""
    try:
        server = Server(app, studies, port)
        server.check()
        written = write_app(app, models or [DEFAULT_BUNDLE])
    except InputError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error
    for model in written:
        typer.echo(f"{model.name}: {model.weights} ({'as it was there' if model.kept else 'copied from the bundle'})")
    typer.echo(f"Server address, once it is up: {server.address}; log: {app / 'logs' / 'app.log'}")
    command = server.command([model.name for model in written])
    os.execve(command[0], command, server.environment())


if __name__ == "__main__":
    typer.run(label_server)
