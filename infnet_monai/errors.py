"""The one exception for what a user can mend, and how a process reports it and an interruption in one line."""

from __future__ import annotations

import signal
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

__all__ = [
    "InputError",
    "find_input_error",
    "one_line",
    "printable_lines",
    "report_errors_in_one_line",
    "terminate_like_ctrl_c",
    "unwrapped_input_errors",
]


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one line that names the offending file or value, what was expected and the remedy. Commands and
    bundle runs print it without a traceback and end with a non-zero status; a batch continues with the next scan.
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


def one_line(text: str) -> str:
    """Replace by spaces what could break a line or steer a terminal, and what cannot be encoded.

    Names of files and texts in foreign headers hold anything; messages, tables and logs repeat them.

    Args:
        text: Any text.

    Example:
        >>> one_line("scan" + chr(10) + "name")
        'scan name'
    """
    return "".join(" " if unicodedata.category(sign)[0] == "C" or sign in "\u2028\u2029" else sign for sign in text)


def printable_lines(text: str) -> str:
    """Return a message of one or more lines as a terminal can show it.

    Args:
        text: The message.
    """
    return "\n".join(map(one_line, text.split("\n")))


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


def terminate_like_ctrl_c() -> None:
    """Let SIGTERM, by which batch systems end a job, raise KeyboardInterrupt as Ctrl-C does."""
    if threading.current_thread() is threading.main_thread():  # no other thread may set signal handlers
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def report_errors_in_one_line() -> None:
    """Let this process end with one line for an InputError, Ctrl-C or SIGTERM; other errors keep their traceback."""
    terminate_like_ctrl_c()
    sys.excepthook = _report


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    cause = find_input_error(error)
    if cause is not None:
        sys.stderr.write(f"Error: {printable_lines(str(cause))}\n")
    elif issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("Interrupted.\n")
    else:
        sys.__excepthook__(kind, error, trace)
