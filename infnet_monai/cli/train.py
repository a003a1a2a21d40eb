"""``infnet train``: the training of a bundle, by a short name for MONAI's ``python -m monai.bundle run training``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.errors import InputError

__all__ = ["train"]

EXPECTED = "expected options of the bundle after its name, as --epochs 5 or epochs=5"


def train(
    context: typer.Context,
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="Name of a bundle, e.g. vgg16, or its folder.")],
    overlay: Annotated[
        list[str] | None, typer.Option(help="Config file of the bundle over its train.json; may be repeated.")
    ] = None,
    dataset_dir: Annotated[Path | None, typer.Option(help="Prepared data (default: the phantom).")] = None,
) -> None:
    """Train a bundle. Every other option, as --epochs 5 or epochs=5, goes to its configuration.

    The command of MONAI that does it is printed first. With --resume true, a training that was interrupted is resumed.
    """
    from infnet_monai.training.child import bundle_command
    from infnet_monai.training.recipe import Recipe, parse_overrides

    if bundle.startswith("-"):
        raise InputError(f"{bundle}: give the bundle first, as infnet train vgg16 {bundle} ...")
    pairs = option_pairs(context.args)
    if dataset_dir is not None:
        pairs["dataset_dir"] = str(dataset_dir.resolve())
    overrides = parse_overrides([f"{name}={text}" for name, text in pairs.items()], {})
    recipe = Recipe.find(bundle, overlay or [], overrides)  # refuses what the bundle does not have
    command = bundle_command("training", recipe.config_files(), **pairs)
    typer.echo(f"$ {shlex.join(command)}")
    os.execv(command[0], command)  # its signals and its status are those of the training


def option_pairs(words: Sequence[str]) -> dict[str, str]:
    """Return config items by name from the options of a command.

    Args:
        words: ``--name value``, ``--name=value`` or ``name=value``; in names, hyphens may stand for underscores.

    Raises:
        InputError: A word is none of these.

    Example:
        >>> option_pairs(["--epochs", "5", "--image-size=[64,64]", "pretrained=false"])
        {'epochs': '5', 'image_size': '[64,64]', 'pretrained': 'false'}
    """
    pairs: dict[str, str] = {}
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        name, sign, text = word.removeprefix("--").partition("=")
        if not sign and word.startswith("--") and waiting:
            text = waiting.pop(0)
        elif not sign:
            raise InputError(f"{word}: has no name or no value; {EXPECTED}")
        pairs[name.replace("-", "_")] = text
    return pairs
