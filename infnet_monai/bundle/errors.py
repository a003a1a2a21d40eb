"""One clear line instead of a traceback, for what is the user's to mend."""

from __future__ import annotations

import sys
from types import TracebackType

from infnet_monai.errors import InputError

__all__ = ["find_input_error", "report_errors_in_one_line"]


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


def report_errors_in_one_line() -> None:
    """Let this process end with one line for an :class:`InputError` or Ctrl-C; others keep their traceback."""
    sys.excepthook = _report


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    cause = find_input_error(error)
    if cause is not None:
        sys.stderr.write(f"Error: {cause}\n")
    elif issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("Interrupted.\n")
    else:
        sys.__excepthook__(kind, error, trace)
