"""``infnet convert-weights``: a checkpoint of the Inf-Net authors as weights of a bundle.

For instance ``infnet convert-weights Inf-Net-100.pth model.pt``, and then
``infnet segment SCANS -o OUT --bundle infnet_res2net50 --weights model.pt``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["convert_weights"]


def convert_weights(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Checkpoint of the Inf-Net authors, e.g. Inf-Net-100.pth.")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write, e.g. models/model.pt.")],
    backbone: Annotated[str, typer.Option(help="res2net50, resnet50 or vgg16.")] = "res2net50",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing OUT.")] = False,
) -> None:
    """Convert a checkpoint of the Inf-Net authors to weights that a bundle loads."""
    from infnet_monai.networks.authors import convert_authors_checkpoint

    convert_authors_checkpoint(source, target, backbone, overwrite=overwrite)
    print(f"Weights of {backbone}, for a bundle with this backbone")
    print(f"wrote {target}")
