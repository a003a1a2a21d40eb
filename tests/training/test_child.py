import os
import sys
import time

import pytest

from infnet_monai.training import child
from infnet_monai.training.child import last_words, run_child

WAITING = """
import sys, time
try:
    print("ready", flush=True)
    for _ in range(600):  # one long sleep would miss a signal that comes just before it
        time.sleep(0.1)
except KeyboardInterrupt:
    print("saved")
"""


def test_output_goes_to_the_log_and_status_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "POLL_S", 0.02)
    log, polls = tmp_path / "run" / "log.txt", []
    script = "import os, sys, time; time.sleep(0.2); print(os.environ['TQDM_DISABLE']); sys.exit(3)"
    assert run_child([sys.executable, "-c", script], log, lambda: polls.append(1)) == 3
    assert run_child([sys.executable, "-c", "print('second')"], log) == 0
    text = log.read_text()
    assert text.count("\n$ ") == 2
    assert text.index("\n1\n") < text.index("\nsecond\n")
    assert polls


@pytest.mark.parametrize(("error", "end"), [(SystemExit, "ready\n"), (KeyboardInterrupt, "ready\nsaved\n")])
def test_child_ends_with_this_process(tmp_path, monkeypatch, error, end):
    monkeypatch.setattr(child, "POLL_S", 0.02)
    log = tmp_path / "log.txt"
    deadline = time.monotonic() + 30

    def interrupt():
        if "\nready" in log.read_text() or time.monotonic() > deadline:
            if error is KeyboardInterrupt:  # a terminal sends it to both
                (pid,) = children()
                os.kill(pid, 2)
            raise error

    with pytest.raises(error):
        run_child([sys.executable, "-c", WAITING], log, interrupt)
    assert log.read_text().endswith(f"\n{end}")
    assert not children()


def test_child_that_does_not_end_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "POLL_S", 0.02)
    monkeypatch.setattr(child, "GRACE_S", 0.1)

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_child([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log.txt", interrupt)
    assert not children()


def children():
    """Process ids of this process's children that are still running."""
    path = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
    return [int(word) for word in open(path).read().split()] if os.path.exists(path) else []


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("\n$ a\nError: old\n\n$ b\nreading\nError: no such file\nend\n", "no such file"),
        ("\n$ a\nError: old\n\n$ b\nTraceback\nValueError: shapes\n\n", "ValueError: shapes"),
    ],
)
def test_last_words_are_those_of_the_last_command(tmp_path, output, words):
    (tmp_path / "log.txt").write_text(output)
    assert last_words(tmp_path / "log.txt") == words
