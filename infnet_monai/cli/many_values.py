"""Options of a command that take several values at once."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

__all__ = ["ManyValues"]


class ManyValues(TyperCommand):
    """Lets an option that may be repeated take several values at once: ``--seeds 0 1 2``.

    Example:
        >>> import typer
        >>> app = typer.Typer()
        >>> @app.command(cls=ManyValues)
        ... def add(numbers: list[int] = typer.Option(...)) -> None:
        ...     print(sum(numbers))
        >>> app(["--numbers", "1", "2", "3"], standalone_mode=False)
        6
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its values."""
        options = {name for option in self.params for name in option.opts}
        repeatable = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        spread: list[str] = []
        current = ""
        for word in args:
            if word.startswith("--") or word in options:
                name, sign, value = word.partition("=")
                if name.startswith("--") and ctx.token_normalize_func:  # --dataset_dir is declared as --dataset-dir
                    name = f"--{ctx.token_normalize_func(name[2:])}"
                current, word = name, f"{name}{sign}{value}"
            elif current in repeatable and spread[-1] != current:
                spread.append(current)
            spread.append(word)
        return super().parse_args(ctx, spread)
