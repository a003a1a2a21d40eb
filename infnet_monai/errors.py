"""The one exception for what a user can mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["InputError", "find_input_error", "unwrapped_input_errors"]


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one line that names the offending file or value, what was expected and the remedy. Commands and
    bundle runs print it without a traceback and end with a non-zero status; a batch goes on with the next scan.
    """


def find_input_error(error: BaseException | None) -> InputError | None:
    """Find the InputError that an exception was raised from; MONAI wraps those of transforms and components.

    Args:
        error: An exception with its chain of causes.
    """
    while error is not None:
        if isinstance(error, InputError):
            return error
        error = error.__cause__ or error.__context__
    return None


@contextmanager
def unwrapped_input_errors() -> Iterator[None]:
    """Let an InputError raised inside a block come out as itself, not in what MONAI wrapped it in."""
    try:
        yield
    except Exception as error:
        cause = find_input_error(error)
        if cause is None or cause is error:
            raise
        raise cause from None
