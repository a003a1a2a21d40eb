import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infnet_monai.stage import Stage, StageBusy, hold_lock


def write(draft: Path, version: str, names=("ct_infection.nii.gz", "ct.json")):
    for name in names:
        (draft / name).write_text(version)


def stage_in(folder: Path) -> Stage:
    return Stage(folder, "ct", "ct.json", obsolete=["ct_infection.nii.gz", "ct_probability.nii.gz"])


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_results_and_record_appear_together(tmp_path):
    stage = stage_in(tmp_path)
    with stage.lock(), stage.draft() as draft:
        write(draft, "new")
        assert not any(not path.name.startswith(".") for path in tmp_path.iterdir())
        assert not stage.finished
    assert stage.finished
    assert contents(tmp_path) == {"ct_infection.nii.gz": "new", "ct.json": "new"}


def test_a_failure_leaves_earlier_results_untouched(tmp_path):
    stage = stage_in(tmp_path)
    with stage.lock(), stage.draft() as draft:
        write(draft, "old")

    def fail(draft):
        (draft / "ct_infection.nii.gz").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="full"), stage.lock(), stage.draft() as draft:
        fail(draft)
    assert contents(tmp_path) == {"ct_infection.nii.gz": "old", "ct.json": "old"}


def test_files_that_the_new_work_does_not_write_go(tmp_path):
    stage = stage_in(tmp_path)
    with stage.lock(), stage.draft() as draft:
        write(draft, "old", ("ct_infection.nii.gz", "ct_probability.nii.gz", "ct.json"))
    (tmp_path / "notes.txt").write_text("mine")
    with stage.lock(), stage.draft() as draft:
        write(draft, "new")
    assert contents(tmp_path) == {"ct_infection.nii.gz": "new", "ct.json": "new", "notes.txt": "mine"}


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


@pytest.mark.parametrize("calls", range(9))
def test_a_kill_at_any_step_of_the_commit_ends_with_old_or_new_results(tmp_path, monkeypatch, calls):
    stage = stage_in(tmp_path)
    with stage.lock(), stage.draft() as draft:
        write(draft, "old", ("ct_infection.nii.gz", "ct_probability.nii.gz", "ct.json"))
    left = [calls]

    def counted(function):
        def call(*args, **kwargs):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return function(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in ("rename", "replace"):
            patch.setattr(f"infnet_monai.stage.os.{name}", counted(getattr(os, name)))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        patch.setattr("infnet_monai.stage.shutil.rmtree", counted(__import__("shutil").rmtree))
        try:
            with stage.draft() as draft:
                write(draft, "new")
        except Killed:
            pass
    with stage.lock():
        assert stage.finished
        found = contents(tmp_path)
    new = {"ct_infection.nii.gz": "new", "ct.json": "new"}
    old = dict.fromkeys(("ct_infection.nii.gz", "ct_probability.nii.gz", "ct.json"), "old")
    found.pop(".ct.lock")
    assert found == (old if calls == 0 else new)


def test_a_draft_that_a_killed_process_left_is_discarded(tmp_path):
    (tmp_path / ".ct.draft").mkdir()
    (tmp_path / ".ct.draft" / "ct_infection.nii.gz").write_text("half")
    stage = stage_in(tmp_path)
    with stage.lock(), stage.draft() as draft:
        assert not list(draft.iterdir())
        write(draft, "new")
    assert contents(tmp_path) == {"ct_infection.nii.gz": "new", "ct.json": "new"}


def test_names_with_a_slash_lie_in_a_subfolder(tmp_path):
    stage = Stage(tmp_path, "ward/ct", "ct.json")
    with stage.lock(), stage.draft() as draft:
        write(draft, "new")
    assert contents(tmp_path / "ward") == {"ct_infection.nii.gz": "new", "ct.json": "new"}


def test_files_of_subfolders_are_published_beside_what_is_there(tmp_path):
    (tmp_path / "pages").mkdir()
    for name in ("page_3.html", "notes.html"):
        (tmp_path / "pages" / name).write_text("old")
    stage = Stage(tmp_path, "run", "run.json", obsolete=["pages/page_2.html", "pages/page_3.html"])
    with stage.lock(), stage.draft() as draft:
        (draft / "pages").mkdir()
        write(draft, "new", ("pages/page_2.html", "run.json"))
    assert contents(tmp_path / "pages") == {"page_2.html": "new", "notes.html": "old"}
    assert stage.finished


def test_a_second_process_is_refused_and_may_wait(tmp_path):
    with hold_lock(tmp_path / "lock"):
        with pytest.raises(StageBusy, match="another process works there"), hold_lock(tmp_path / "lock"):
            pass
        assert (tmp_path / "lock").exists()
    with hold_lock(tmp_path / "lock", wait=True):
        pass
    assert not (tmp_path / "lock").exists()


PARENT = """
import subprocess, sys
from infnet_monai.stage import hold_lock
with hold_lock(sys.argv[1]) as descriptor:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=[descriptor])
    print(child.pid, flush=True)
    child.wait()
"""


def test_a_killed_parent_does_not_free_the_lock_of_its_child(tmp_path):
    lock = tmp_path / "lock"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, lock], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    with pytest.raises(StageBusy), hold_lock(lock):
        pass
    os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while True:
        try:
            with hold_lock(lock):
                break
        except StageBusy:
            assert time.monotonic() < deadline
            time.sleep(0.05)
