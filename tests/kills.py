"""A command that is killed at random moments and started again until it ends by itself."""

import random
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import SIGKILL

LAST_RUN_TIMEOUT_S = 1800


def run_with_kills(
    command: Sequence[str | Path],
    kills: int,
    seed: int,
    signal: int = SIGKILL,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    between_s: tuple[float, float] = (1.0, 10.0),
) -> None:
    """Start a command a number of times and send each process a signal; then run it to its end.

    A process that ends before its signal must have ended well, and the last run must, too. What happens is printed.

    Args:
        command: The command.
        kills: Number of processes that are sent the signal.
        seed: Seed of the moments.
        signal: The signal.
        env: Environment of the command; this process's by default.
        cwd: Folder to run in.
        between_s: Earliest and latest moment of the signal, in seconds after the start.
    """
    moments = random.Random(seed)
    for number in range(kills):
        delay_s = moments.uniform(*between_s)
        status, output = _run(command, env, cwd, delay_s, signal)
        print(f"process {number + 1} of {kills}, signal {int(signal)} after {delay_s:.2f} s: status {status}")
        assert status in (0, -signal) or (status > 0 and signal != SIGKILL), output
    start = time.monotonic()
    status, output = _run(command, env, cwd, LAST_RUN_TIMEOUT_S, SIGKILL)
    print(f"last process: status {status} after {time.monotonic() - start:.2f} s")
    assert status == 0, output


def _run(
    command: Sequence[str | Path],
    env: Mapping[str, str] | None,
    cwd: str | Path | None,
    delay_s: float,
    signal: int,
) -> tuple[int, str]:
    """Return status and output of a process that is sent a signal after a delay, unless it has ended by then."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, env=env, cwd=cwd, stdout=output, stderr=subprocess.STDOUT)
        try:
            process.wait(delay_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal)
            process.wait()
        output.seek(0)
        return process.returncode, output.read()
