"""A comparison whose runs are tasks of a Dask cluster, here of threads."""

import threading
import time
from functools import partial

import pytest

from infnet_monai.comparison import on_dask
from infnet_monai.comparison.compare import compare
from infnet_monai.comparison.on_dask import complete_on_dask
from infnet_monai.comparison.plan import plan_runs
from infnet_monai.stage import hold_lock

distributed = pytest.importorskip("distributed")


@pytest.fixture
def client():
    with distributed.Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None) as one:
        yield one


def test_the_tables_are_those_of_one_process_and_nothing_is_done_twice(options, fake_bundles, client, tmp_path):
    compare(options())
    compare(options(output_dir=tmp_path / "dask"), partial(complete_on_dask, client))
    tables = [(folder / "table.csv").read_text() for folder in (options().output_dir, tmp_path / "dask")]
    assert tables[0] == tables[1]
    assert len(fake_bundles.commands) == 8
    assert compare(options(output_dir=tmp_path / "dask"), partial(complete_on_dask, client)).problems == {}
    assert len(fake_bundles.commands) == 8


def test_a_failed_run_is_listed(options, fake_bundles, client):
    fake_bundles.broken.add("infnet_vgg16")
    problems = compare(options(), partial(complete_on_dask, client)).problems
    assert list(problems) == ["infnet_vgg16, seed 0"]
    assert "out of memory" in problems["infnet_vgg16, seed 0"]


def test_a_run_whose_training_has_outlived_its_worker_is_left_alone_until_it_has_ended(
    options, fake_bundles, client, monkeypatch
):
    monkeypatch.setattr(on_dask, "BUSY_S", 0.1)
    run = plan_runs(options())[0]
    held = hold_lock(run.lock_path)
    held.__enter__()
    release = threading.Timer(2, held.__exit__, [None, None, None])
    release.start()
    start = time.monotonic()
    assert complete_on_dask(client, [run]) == {}
    assert time.monotonic() - start >= 2
    assert len(fake_bundles.commands) == 2


def test_an_interruption_ends_the_trainings(options, client, monkeypatch):
    ended = threading.Event()

    def train_for_ever(self, lock, poll):
        try:
            while True:
                poll()
                time.sleep(0.05)
        finally:
            ended.set()

    def interrupt(*_):
        time.sleep(1)
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("infnet_monai.comparison.plan.Run.train_and_evaluate", train_for_ever)
    runs = plan_runs(options())
    task = client.submit(on_dask._complete, "this one", runs[0], pure=False)
    monkeypatch.setattr(on_dask, "each_result", interrupt)
    monkeypatch.setattr(on_dask, "uuid4", lambda: type("Known", (), {"hex": "this one"}))
    with pytest.raises(KeyboardInterrupt):
        complete_on_dask(client, runs)
    assert ended.wait(0)
    assert task.result() == "interrupted"
