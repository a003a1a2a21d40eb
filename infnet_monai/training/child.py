"""A bundle's workflow in a process of its own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["WorkflowFailed", "bundle_command", "last_words", "run_child", "run_workflow"]

POLL_S = 1.0
GRACE_S = 30.0


class WorkflowFailed(RuntimeError):
    """The process of a bundle's workflow ended with an error."""


def bundle_command(run_id: str, config_files: Sequence[Path], **items: object) -> list[str]:
    """Return the command that runs a bundle's workflow.

    Args:
        run_id: Name of the workflow: ``training`` or ``evaluating``.
        config_files: Config files, the later over the earlier.
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


def run_workflow(command: Sequence[str], log: Path, poll: Callable[[], None], lock: int) -> None:
    """Run a bundle's workflow to its end, see :func:`run_child`.

    Raises:
        WorkflowFailed: It ended with another status than 0; the message is the last line and the log's path.
    """
    status = run_child(command, log, poll, lock)
    if status != 0:
        raise WorkflowFailed(f"ended with status {status}: {last_words(log)} (log: {log})")


def run_child(command: Sequence[str], log: Path, poll: Callable[[], None], lock: int) -> int:
    """Run a command to its end, its output appended to a log.

    A process of its own gives its memory back when it ends, and what kills it does not end its parent. It is in a
    session of its own, too: the Ctrl-C of a terminal reaches the parent alone, which then ends the child by SIGTERM.

    Args:
        command: Program and arguments.
        log: File that gets the command and its output, without progress bars.
        poll: Function that is called about once a second.
        lock: File descriptor of a lock that the child holds as well, so that a killed parent does not free it.

    Returns:
        The exit status. When this process is interrupted, so is the child.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"\n$ {shlex.join(command)}\n")
        stream.flush()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TQDM_DISABLE": "1"},
            pass_fds=[lock],
            start_new_session=True,
        )
        try:
            while True:
                try:
                    return child.wait(POLL_S)
                except subprocess.TimeoutExpired:
                    poll()
        except BaseException:
            _end(child)
            raise


def _end(child: subprocess.Popen) -> None:
    """End the child, which writes its state whole or not at all; at once when this process is interrupted again."""
    child.terminate()
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        child.kill()
        child.wait()


def last_words(log: Path) -> str:
    """Return the reason for a failure: what the last command of a log wrote after "Error:", or else its last line."""
    output = log.read_text(encoding="utf-8", errors="replace").rpartition("\n$ ")[2]
    _command, *lines = (line.strip() for line in output.splitlines() if line.strip())
    errors = [line for line in lines if line.startswith("Error: ")]
    return (errors or lines or ["it wrote nothing"])[-1].removeprefix("Error: ")
