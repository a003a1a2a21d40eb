"""Scans whose stages overlap: in order, three at a time at most, each with its own failure, ended promptly."""

from collections.abc import Generator
from threading import Event, current_thread, main_thread

import nibabel as nib
import numpy as np
import pytest

from infnet_monai.inference import BatchOptions, segment_scans
from infnet_monai.inference.pipeline import StagedWork, StoppableTimer, Stopped, run_overlapping
from infnet_monai.run_record import StageTimer

BARE = BatchOptions(progress=False, report=False)
ONE_BY_ONE = BatchOptions(progress=False, report=False, overlap_voxels=0)


class Journal:
    """Work whose steps are written down, with the scans that are in memory when a preparation begins."""

    def __init__(self):
        self.in_memory: set[str] = set()
        self.most, self.closed, self.network_threads = 0, [], set()
        self.together: list[set[str]] = []

    def work(self, name: str, voxels: int = 1, fails: type[BaseException] | None = None) -> StagedWork:
        def steps() -> Generator[None, None, None]:
            self.in_memory.add(name)
            self.together.append(set(self.in_memory))
            try:
                yield
                self.network_threads.add(current_thread())
                if fails is not None:
                    raise fails(name)
                yield
            finally:
                self.in_memory.discard(name)
                self.closed.append(name)

        return StagedWork(steps(), voxels)


def test_all_work_ends_in_the_order_given_and_the_network_stays_in_this_thread():
    journal = Journal()
    works = [journal.work(name) for name in "abcdef"]
    assert list(run_overlapping(works, 3, Event())) == works
    assert journal.closed == list("abcdef")
    assert journal.network_threads == {main_thread()}
    assert max(map(len, journal.together)) <= 3


def test_the_next_scan_is_prepared_while_the_network_runs():
    prepared = Event()

    def first():
        yield
        assert prepared.wait(10)  # in the network, until the second scan is prepared
        yield

    def second():
        prepared.set()
        yield
        yield

    works = [StagedWork(first(), 1), StagedWork(second(), 1)]
    assert len(list(run_overlapping(works, 3, Event()))) == 2


def test_the_last_scan_is_finished_while_the_network_runs():
    finished = Event()

    def first():
        yield
        yield
        finished.set()

    def second():
        yield
        assert finished.wait(10)
        yield

    works = [StagedWork(first(), 1), StagedWork(second(), 1)]
    assert len(list(run_overlapping(works, 3, Event()))) == 2


@pytest.mark.parametrize("most_voxels", [0, 9])
def test_scans_that_are_too_large_together_are_in_memory_alone(most_voxels):
    journal = Journal()
    list(run_overlapping([journal.work(name, voxels=5) for name in "abc"], most_voxels, Event()))
    assert journal.together == [{"a"}, {"b"}, {"c"}]


def test_work_that_has_nothing_to_do_keeps_its_place():
    def nothing():
        return
        yield

    journal = Journal()
    works = [journal.work("a"), StagedWork(nothing(), 1), journal.work("b")]
    assert list(run_overlapping(works, 3, Event())) == works


def test_an_interruption_sets_everything_free_and_stops_the_threads():
    journal, stopped = Journal(), Event()
    works = [journal.work("a"), journal.work("b", fails=KeyboardInterrupt), *(journal.work(name) for name in "cdef")]
    with pytest.raises(KeyboardInterrupt):
        list(run_overlapping(works, 3, stopped))
    assert stopped.is_set()
    assert journal.in_memory == set()
    assert set(journal.closed) <= set("abc")


def test_a_stage_does_not_begin_once_the_run_has_ended():
    stopped, timer = Event(), StageTimer()
    stoppable = StoppableTimer(timer, stopped)
    with stoppable.stage("read"):
        pass
    stopped.set()
    with pytest.raises(Stopped), stoppable.stage("lungs"):
        pytest.fail("the stage has begun")
    assert list(timer.seconds) == ["read"]


def test_overlapping_scans_get_the_results_that_they_get_alone(segmenter, chest, tmp_path):
    for number, shift in enumerate((0, 3, 6, 9)):
        image = nib.Nifti1Image(np.roll(chest.image, shift, axis=0), chest.affine)
        nib.save(image, tmp_path / f"scan_{number}.nii.gz")
    (tmp_path / "scan_1_broken.nii.gz").write_bytes((tmp_path / "scan_1.nii.gz").read_bytes()[:5000])
    names = [f"scan_{number}.nii.gz" for number in range(4)] + ["scan_1_broken.nii.gz"]
    together = segment_scans([tmp_path / name for name in names], tmp_path / "together", segmenter, BARE)
    alone = segment_scans([tmp_path / name for name in names], tmp_path / "alone", segmenter, ONE_BY_ONE)
    assert list(together.records) == list(alone.records) == ["scan_0", "scan_1", "scan_2", "scan_3"]
    assert list(together.failures) == list(alone.failures) == ["scan_1_broken"]
    for name in together.records:
        assert together.records[name].statistics == alone.records[name].statistics
        masks = [nib.load(tmp_path / run / f"{name}_infection.nii.gz") for run in ("together", "alone")]
        assert np.array_equal(masks[0].dataobj, masks[1].dataobj)
    assert not [path for kind in ("lock", "draft", "sealed") for path in (tmp_path / "together").glob(f".*.{kind}")]


def test_the_stages_one_by_one_are_what_segment_does(segmenter, chest_file):
    prepared = segmenter.prepare(chest_file)
    with pytest.raises(ValueError, match="has not run on this scan"):
        segmenter.finish(prepared)
    segmenter.run(prepared)
    with pytest.raises(ValueError, match="prepare it again"):
        segmenter.run(prepared)
    assert np.array_equal(segmenter.finish(prepared).mask, segmenter.segment(chest_file).mask)
