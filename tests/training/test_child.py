import os
import sys
import time

import pytest

from infnet_monai.training import child
from infnet_monai.training.child import WorkflowFailed, last_words, run_child, run_workflow

WAITING = """
import signal, time
signal.signal(signal.SIGTERM, signal.default_int_handler)  # as a bundle's workflow does
try:
    print("ready", flush=True)
    for _ in range(600):  # one long sleep would miss a signal that comes just before it
        time.sleep(0.1)
except KeyboardInterrupt:
    print("saved")
"""


def test_output_goes_to_the_log_and_status_comes_back(tmp_path, monkeypatch, no_lock):
    monkeypatch.setattr(child, "POLL_S", 0.02)
    log, polls = tmp_path / "run" / "log.txt", []
    script = "import os, sys, time; time.sleep(0.2); print(os.environ['TQDM_DISABLE']); sys.exit(3)"
    assert run_child([sys.executable, "-c", script], log, lambda: polls.append(1), no_lock) == 3
    assert run_child([sys.executable, "-c", "print('second')"], log, lambda: None, no_lock) == 0
    text = log.read_text()
    assert text.count("\n$ ") == 2
    assert text.index("\n1\n") < text.index("\nsecond\n")
    assert polls


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_child_ends_with_this_process(tmp_path, monkeypatch, no_lock, others, error):
    monkeypatch.setattr(child, "POLL_S", 0.02)
    log = tmp_path / "log.txt"
    deadline = time.monotonic() + 30

    def interrupt():
        if "\nready" in log.read_text() or time.monotonic() > deadline:
            raise error

    with pytest.raises(error):
        run_child([sys.executable, "-c", WAITING], log, interrupt, no_lock)
    assert log.read_text().endswith("\nready\nsaved\n")
    assert not children() - others


def test_second_interruption_kills_the_child(tmp_path, monkeypatch, no_lock, others):
    monkeypatch.setattr(child, "POLL_S", 0.02)
    wait, waits = child.subprocess.Popen.wait, []

    def interrupted_wait(self, timeout=None):
        if timeout == child.GRACE_S:
            waits.append(timeout)
            raise KeyboardInterrupt
        return wait(self, timeout)

    def interrupt():
        monkeypatch.setattr(child.subprocess.Popen, "wait", interrupted_wait)
        raise KeyboardInterrupt

    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        run_child([sys.executable, "-c", script], tmp_path / "log.txt", interrupt, no_lock)
    assert waits == [child.GRACE_S]
    assert not children() - others


def test_ctrl_c_of_the_terminal_reaches_the_child_only_through_this_process(tmp_path, monkeypatch, no_lock):
    script = "import os; print(os.getsid(0) == os.getpid())"
    run_child([sys.executable, "-c", script], tmp_path / "log.txt", lambda: None, no_lock)
    assert (tmp_path / "log.txt").read_text().endswith("\nTrue\n")


def test_child_that_does_not_end_is_killed(tmp_path, monkeypatch, no_lock, others):
    monkeypatch.setattr(child, "POLL_S", 0.02)
    monkeypatch.setattr(child, "GRACE_S", 0.1)

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_child([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log.txt", interrupt, no_lock)
    assert not children() - others


def children():
    """Process ids of this process's children that are still running."""
    path = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
    return set(open(path).read().split()) if os.path.exists(path) else set()


@pytest.fixture
def others():
    """Children that this process has already, e.g. of other tests."""
    return children()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("\n$ a\nError: old\n\n$ b\nreading\nError: no such file\nend\n", "no such file"),
        ("\n$ a\nError: old\n\n$ b\nTraceback\nValueError: shapes\n\n", "ValueError: shapes"),
        ("\n$ a\nError: old\n\n$ b\n", "it wrote nothing"),
    ],
)
def test_last_words_are_those_of_the_last_command(tmp_path, output, words):
    (tmp_path / "log.txt").write_text(output)
    assert last_words(tmp_path / "log.txt") == words


def test_failed_workflow_gives_status_reason_and_log(tmp_path, no_lock):
    script = "import os, signal; print('Error: no memory', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(WorkflowFailed, match=r"^ended with status -9: no memory \(log: .*log\.txt\)$"):
        run_workflow([sys.executable, "-c", script], tmp_path / "log.txt", lambda: None, no_lock)
