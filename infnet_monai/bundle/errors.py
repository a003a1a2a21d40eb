"""One clear line instead of a traceback, for what is the user's to mend."""

from __future__ import annotations

import sys
from types import TracebackType

from infnet_monai.errors import find_input_error

__all__ = ["report_errors_in_one_line"]


def report_errors_in_one_line() -> None:
    """Let this process end with one line for an InputError or Ctrl-C; other errors keep their traceback."""
    sys.excepthook = _report


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    cause = find_input_error(error)
    if cause is not None:
        sys.stderr.write(f"Error: {cause}\n")
    elif issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("Interrupted.\n")
    else:
        sys.__excepthook__(kind, error, trace)
