"""A bundle's workflow in a process of its own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["bundle_command", "last_words", "run_child"]

POLL_S = 1.0
GRACE_S = 30.0


def bundle_command(run_id: str, config_files: Sequence[Path], **items: object) -> list[str]:
    """Command that runs a bundle's workflow.

    Args:
        run_id: ``training`` or ``evaluating``.
        config_files: The later over the earlier.
        **items: Config items that go over all files.

    Example:
        >>> bundle_command("training", [Path("train.json")], resume="true")[-4:]
        ['--config_file', "['train.json']", '--resume', 'true']
    """
    command = [
        sys.executable,
        "-m",
        "monai.bundle",
        "run",
        run_id,
        "--config_file",
        str([str(f) for f in config_files]),
    ]
    for name, value in items.items():
        command += [f"--{name}", str(value)]
    return command


def run_child(command: Sequence[str], log: Path, poll: Callable[[], None] = lambda: None) -> int:
    """Run a command to its end, its output appended to a log.

    A process of its own gives its memory back when it ends, and what kills it does not end the comparison.

    Args:
        command: Program and arguments.
        log: File that gets the command and its output, without progress bars.
        poll: Called about once a second.

    Returns:
        The exit status. When this process is interrupted, so is the child.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"\n$ {shlex.join(command)}\n")
        stream.flush()
        child = subprocess.Popen(
            command, stdout=stream, stderr=subprocess.STDOUT, env=os.environ | {"TQDM_DISABLE": "1"}
        )
        try:
            while True:
                try:
                    return child.wait(POLL_S)
                except subprocess.TimeoutExpired:
                    poll()
        except BaseException as error:
            _end(child, by_terminal=isinstance(error, KeyboardInterrupt))
            raise


def _end(child: subprocess.Popen, by_terminal: bool) -> None:
    """End the child; its state is written whole or not at all, so that it can go on from its last complete epoch.

    A terminal's Ctrl-C has reached it already.
    """
    if not by_terminal:
        child.terminate()
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def last_words(log: Path) -> str:
    """The reason for a failure: what the last command of a log wrote after "Error:", or else its last line."""
    output = log.read_text(encoding="utf-8", errors="replace").rpartition("\n$ ")[2]
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("Error: ")]
    return (errors or lines)[-1].removeprefix("Error: ")
