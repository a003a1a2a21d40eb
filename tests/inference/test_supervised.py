"""Limits of a scan: one that takes too long, too much memory or its process with it fails alone."""

import signal
import subprocess
import sys
import time
from dataclasses import replace

import nibabel as nib
import pandas as pd
import pytest
import torch
from band_network import OVERRIDES, BandNetwork
from killed_segmenting import COMMAND, assert_same_results, environment, write_band_bundle

from infnet_monai.errors import InputError
from infnet_monai.findings import LobeFiles
from infnet_monai.inference import BatchOptions, Segmenter, segment_scans
from infnet_monai.inference.scan_worker import ScanJob, ScanLimits, segment_scans_by
from infnet_monai.inference.supervised import SupervisedProcess, resident_gb
from infnet_monai.phantom.phantom import make_phantom
from infnet_monai.scans.find import find_scans
from infnet_monai.stage import hold_lock

TRAP = OVERRIDES | {"network_def": {"_target_": "trap_network.TrapNetwork"}, "lung_crop": False}
LIMITS = ScanLimits(seconds=30, memory_gb=2.0)


def write_scan(path, slices):
    phantom = make_phantom(1, shape=(44, 36, 11), spacing_mm=(8.0, 8.0, 20.0))
    path.parent.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(phantom.image[..., :slices], phantom.affine), path)


def children(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True)
    return [int(line) for line in listed.stdout.split()]


def job(tmp_path, weights, limits=LIMITS, **overrides):
    options = BatchOptions(report=False, progress=False)
    return ScanJob(tmp_path / "out", options, device="cpu", weights=weights, overrides=TRAP | overrides, limits=limits)


@pytest.mark.slow
def test_a_scan_over_a_limit_or_that_kills_its_process_fails_alone(tmp_path, band_weights):
    for name, slices in {"a": 4, "b_sleeps": 2, "c": 8, "d_eats": 3, "e_dies": 5, "f": 4}.items():
        write_scan(tmp_path / "scans" / f"{name}.nii", slices)
    result = segment_scans_by(SupervisedProcess, [tmp_path / "scans"], job(tmp_path, band_weights))
    assert list(result.records) == ["a", "c", "f"]
    assert list(result.failures) == ["b_sleeps", "d_eats", "e_dies"]
    path = tmp_path.resolve() / "scans"
    sleeps = f"{path}/b_sleeps.nii: took longer than 30 s (--scan-timeout); give more time, or segment it alone"
    assert result.failures["b_sleeps"] == sleeps
    assert "more than 2 GB (--scan-memory); allow more" in result.failures["d_eats"]
    assert "its process died of signal 9 (SIGKILL), e.g. for lack of memory" in result.failures["e_dies"]
    table = pd.read_csv(tmp_path / "out" / "statistics.csv").set_index("scan")
    assert table["status"].to_dict() == {
        "a": "done", "b_sleeps": "failed", "c": "done", "d_eats": "failed", "e_dies": "failed", "f": "done"
    }  # fmt: skip
    assert table.loc["b_sleeps", "message"] == sleeps


def test_a_watched_process_gives_the_files_of_one_that_is_not(tmp_path, band_weights):
    for k in range(2):
        write_scan(tmp_path / "scans" / f"ct_{k}.nii", 8)
    watched = job(tmp_path, band_weights)
    assert len(segment_scans_by(SupervisedProcess, [tmp_path / "scans"], watched).records) == 2
    segmenter = Segmenter(device="cpu", weights=band_weights, **TRAP)
    segment_scans([tmp_path / "scans"], tmp_path / "plain", segmenter, watched.options)
    assert_same_results(tmp_path / "out", tmp_path / "plain")
    assert segment_scans_by(SupervisedProcess, [tmp_path / "scans"], watched).kept == ["ct_0", "ct_1"]


def test_review_and_lobes_are_those_of_a_run_that_is_not_watched(tmp_path, band_weights):
    for name in ("ct", "other"):
        write_scan(tmp_path / "scans" / f"{name}.nii", 8)
    watched = job(tmp_path, band_weights)
    of_one_scan = BatchOptions(progress=False, lobes=LobeFiles(tmp_path / "scans" / "ct.nii"))
    with pytest.raises(InputError, match="holds the lobes of one scan, and there are 2"):
        segment_scans_by(SupervisedProcess, [tmp_path / "scans"], replace(watched, options=of_one_scan))
    reviewed = replace(watched, options=BatchOptions(progress=False, review=True))
    result = segment_scans_by(SupervisedProcess, [tmp_path / "scans" / "ct.nii"], reviewed)
    assert list(result.records) == ["ct"]
    assert (tmp_path / "out" / "review.html").is_file()


def test_the_time_until_another_process_lets_go_of_a_scan_does_not_count(tmp_path, band_weights):
    write_scan(tmp_path / "scans" / "ct.nii", 8)
    (tmp_path / "out").mkdir()
    watched = job(tmp_path, band_weights, ScanLimits(seconds=60))
    with SupervisedProcess(watched) as process:
        (source,) = find_scans([tmp_path / "scans"])
        with hold_lock(tmp_path / "out" / ".ct.lock"):
            assert process.segment(source) is None
        assert list(process.segment(source).records) == ["ct"]


def test_a_bundle_that_cannot_be_loaded_is_one_line(tmp_path, band_weights):
    write_scan(tmp_path / "scans" / "ct.nii", 8)
    with pytest.raises(InputError, match="treshold"):
        segment_scans_by(SupervisedProcess, [tmp_path / "scans"], job(tmp_path, band_weights, treshold=0.5))


@pytest.mark.parametrize("limits", [{"seconds": 0}, {"memory_gb": -1}, {"seconds": float("nan")}])
def test_limits_are_above_zero(limits):
    with pytest.raises(InputError, match="expected a number above 0"):
        ScanLimits(**limits)


def test_memory_of_a_process_grows_by_what_it_takes():
    program = (  # in a process of its own: this one may hold memory that other tests have freed
        "import os; import numpy as np; from infnet_monai.inference.supervised import resident_gb;"
        "before = resident_gb(os.getpid()); taken = np.ones(50_000_000, np.float32);"
        "print(resident_gb(os.getpid()) - before)"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert float(printed) == pytest.approx(0.2, abs=0.05)
    assert resident_gb(2**22 + 1) == 0


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_the_process_ends_with_its_parent(tmp_path, sent):
    bundle = write_band_bundle(tmp_path / "bundle")
    torch.save(BandNetwork().state_dict(), bundle / "models" / "model.pt")
    (bundle / "configs" / "inference.json").write_text(
        (bundle / "configs" / "inference.json")
        .read_text()
        .replace("band_network.BandNetwork", "trap_network.TrapNetwork")
    )
    write_scan(tmp_path / "scans" / "ct.nii", 2)
    options = [
        "--bundle",
        bundle,
        "--device",
        "cpu",
        "--no-lung-crop",
        "--scan-timeout",
        "3600",
        "-o",
        tmp_path / "out",
    ]
    parent = subprocess.Popen([*COMMAND, tmp_path / "scans", *options], env=environment(), stderr=subprocess.PIPE)
    lock, end = tmp_path / "out" / ".ct.lock", time.monotonic() + 120
    while not lock.exists():
        assert parent.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)
    (child,) = children(parent.pid)
    parent.send_signal(sent)
    assert parent.wait(30) == (130 if sent == signal.SIGTERM else -sent)
    end = time.monotonic() + 30
    while resident_gb(child) > 0:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert not (tmp_path / "out" / "ct.json").exists()
