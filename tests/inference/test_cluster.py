"""Scans by a Dask cluster: workers may die, and the results are those of one process."""

import os
import signal
from functools import partial

import pytest
from killed_segmenting import assert_same_results, write_scans
from test_supervised import LIMITS, TRAP, write_scan

from infnet_monai.errors import InputError
from infnet_monai.inference import BatchOptions, Segmenter, segment_scans
from infnet_monai.inference.cluster import DaskWorkers, dask_client
from infnet_monai.inference.scan_worker import ScanJob, segment_scans_by

pytest.importorskip("distributed")

OPTIONS = BatchOptions(report=False, progress=False)


class KilledOnce(DaskWorkers):
    """Workers of which one is killed when the first scan is done."""

    def results(self, scans):
        for number, result in enumerate(super().results(scans)):
            yield result
            if number == 0:
                os.kill(next(iter(self.client.run(os.getpid).values())), signal.SIGKILL)


def job(tmp_path, weights, **changes):
    return ScanJob(tmp_path / "out", OPTIONS, device="cpu", weights=weights, overrides=TRAP, **changes)


def test_scans_of_a_killed_worker_are_done_by_another(tmp_path, band_weights):
    write_scans(tmp_path / "scans", 6, shape=(44, 36, 8))
    with dask_client("2") as client:
        started = partial(KilledOnce, client)
        result = segment_scans_by(started, [tmp_path / "scans"], job(tmp_path, band_weights))
        assert (len(result.records), result.failures) == (6, {})
        again = segment_scans_by(partial(DaskWorkers, client), [tmp_path / "scans"], job(tmp_path, band_weights))
        assert len(again.kept) == 6
    segmenter = Segmenter(device="cpu", weights=band_weights, **TRAP)
    segment_scans([tmp_path / "scans"], tmp_path / "plain", segmenter, OPTIONS)
    assert_same_results(tmp_path / "out", tmp_path / "plain")
    tables = [(tmp_path / folder / "statistics.csv").read_bytes() for folder in ("out", "plain")]
    assert tables[0] == tables[1]


@pytest.mark.parametrize("limits", [{}, {"limits": LIMITS}])
def test_a_scan_that_kills_its_workers_fails_alone(tmp_path, band_weights, limits):
    import dask

    write_scan(tmp_path / "scans" / "a.nii", 8)
    write_scan(tmp_path / "scans" / "b_dies.nii", 5)
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), dask_client("1") as client:
        started = partial(DaskWorkers, client)
        result = segment_scans_by(started, [tmp_path / "scans"], job(tmp_path, band_weights, **limits))
    assert list(result.failures) == ["b_dies"]
    died = "its process died of signal 9" if limits else "1 worker processes died while they worked on it"
    assert died in result.failures["b_dies"]
    assert list(result.records) == ["a"]


def test_a_bundle_that_cannot_be_loaded_on_a_worker_is_one_line(tmp_path, band_weights):
    write_scan(tmp_path / "scans" / "a.nii", 8)
    wrong = ScanJob(tmp_path / "out", OPTIONS, "no_bundle", "cpu")
    with dask_client("1") as client, pytest.raises(InputError, match="no_bundle"):
        segment_scans_by(partial(DaskWorkers, client), [tmp_path / "scans"], wrong)


@pytest.mark.parametrize("cluster", ["tcp://127.0.0.1:9", "nonsense", "0"])
def test_no_cluster_is_one_line(cluster, monkeypatch):
    monkeypatch.setattr("infnet_monai.inference.cluster.CONNECT", "1s")
    with pytest.raises(InputError, match=f"--dask {cluster}: "), dask_client(cluster):
        pass
