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
    after: str = "",
    within_s: float = 10.0,
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
        after: Text in the output that starts the clock, e.g. when the work begins; the start of the process by default.
        within_s: Latest moment of the signal in seconds after that.
    """
    moments = random.Random(seed)
    for number in range(kills):
        delay_s = moments.uniform(0, within_s)
        status, output = _run(command, env, cwd, signal, after, delay_s)
        print(f"process {number + 1} of {kills}, signal {int(signal)} after {delay_s:.2f} s: status {status}")
        # a process that was asked to end may say why by its status; Python ends by SIGINT after an interruption
        assert status in (0, -signal) or signal != SIGKILL, output
    start = time.monotonic()
    status, output = _run(command, env, cwd, SIGKILL, "", LAST_RUN_TIMEOUT_S)
    print(f"last process: status {status} after {time.monotonic() - start:.2f} s")
    assert status == 0, output


def _run(
    command: Sequence[str | Path],
    env: Mapping[str, str] | None,
    cwd: str | Path | None,
    signal: int,
    after: str,
    delay_s: float,
) -> tuple[int, str]:
    """Return status and output of a process that is sent a signal unless it has ended by then."""
    with tempfile.NamedTemporaryFile() as output:
        process = subprocess.Popen(command, env=env, cwd=cwd, stdout=output, stderr=subprocess.STDOUT)
        written = Path(output.name)
        while process.poll() is None and after.encode() not in written.read_bytes():
            time.sleep(0.01)
        try:
            process.wait(delay_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal)
            process.wait()
        return process.returncode, written.read_text(errors="replace")
