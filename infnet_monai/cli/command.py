"""What all commands have in common: how options are written, how errors and answers come out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from infnet_monai.cli.many_values import ManyValues
from infnet_monai.errors import InputError, printable_lines, terminate_like_ctrl_c

__all__ = [
    "OPTION_STYLE",
    "Command",
    "Commands",
    "ManyValuesCommand",
    "print_json",
    "resumable",
    "say_what_is_done",
    "single_command",
]

INTERRUPTED = 130  # as shells give it for Ctrl-C


def with_hyphens(name: str) -> str:
    """Return a name of an option or command as it is declared: ``--dataset_dir`` means ``--dataset-dir``.

    Args:
        name: The name as it was given.
    """
    return name.replace("_", "-")


OPTION_STYLE: dict[Any, Any] = {"token_normalize_func": with_hyphens, "help_option_names": ["--help", "-h"]}


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """End with one line and a status for an InputError, Ctrl-C or SIGTERM."""
    terminate_like_ctrl_c()
    try:
        yield
    except InputError as error:
        typer.echo(f"Error: {printable_lines(str(error))}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        typer.echo("Interrupted.", err=True)
        raise typer.Exit(INTERRUPTED) from error


class Command(TyperCommand):
    """A command that ends with one line for an error."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with errors_in_one_line():
            return super().invoke(ctx)


class ManyValuesCommand(ManyValues, Command):
    """A command without arguments, of which an option takes several values at once, as ``--seeds 0 1 2``."""


class Commands(TyperGroup):
    """Commands in the order in which they are declared, which end with one line for an error."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is asked for."""
        with errors_in_one_line():
            return super().invoke(ctx)


@contextmanager
def resumable(*failures: type[Exception]) -> Iterator[None]:
    """Say after an interruption that the same command resumes, and report failures of the work in one line.

    Args:
        *failures: What may be raised besides an InputError or OSError; its message says all.
    """
    reported: tuple[type[Exception], ...] = (OSError, *failures)
    try:
        yield
    except KeyboardInterrupt as error:
        typer.echo("Interrupted. Run the same command again to resume.", err=True)
        raise typer.Exit(INTERRUPTED) from error
    except reported as error:
        raise InputError(str(error)) from error


def print_json(answer: Mapping[str, Any]) -> None:
    """Print an answer for a program: one JSON object, which is all that is written to the standard output.

    Args:
        answer: The answer; what JSON does not know is written as text.

    Raises:
        ValueError: A number is NaN or infinite, which JSON cannot hold.
    """
    print(json.dumps(answer, indent=2, default=str, allow_nan=False))


def say_what_is_done() -> None:
    """Let the messages of this package come out on the standard error output, without their level."""
    import logging

    logging.basicConfig(format="%(message)s")
    logging.getLogger("infnet_monai").setLevel(logging.INFO)


def single_command(function: Callable[..., None], cls: type[TyperCommand] = Command) -> typer.Typer:
    """Return an application of one command, for a script that is called by itself.

    Args:
        function: The command.
        cls: Its class.
    """
    app = typer.Typer(add_completion=False)
    app.command(cls=cls, context_settings=OPTION_STYLE)(function)
    return app
