"""Whatever ends a run, results and records fit together, and the next run finishes what is left."""

import csv
import errno
import os
import tempfile
import threading
from contextlib import suppress

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from band_network import OVERRIDES

from infnet_monai import stage
from infnet_monai.errors import InputError
from infnet_monai.inference import BatchOptions, ScanRecord, Segmenter, scan_results, segment_scans
from infnet_monai.stage import hold_lock

BARE = BatchOptions(progress=False, report=False)
AGAIN = BatchOptions(progress=False, report=False, overwrite=True)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def other(band_weights):
    """A segmenter of another threshold, whose masks are larger."""
    return Segmenter(device="cpu", weights=band_weights, threshold=0.001, **OVERRIDES)


@pytest.fixture
def twins(chest_file):
    """Two scans, ``chest`` and ``second``."""
    (chest_file.parent / "second.nii.gz").write_bytes(chest_file.read_bytes())
    return chest_file.parent


def lesion_voxels(output, name="chest"):
    return int(np.asarray(nib.load(output / f"{name}_infection.nii.gz").dataobj).sum())


def recorded_voxels(output, name="chest"):
    return round(ScanRecord.read(output / f"{name}.json").statistics.lesion_volume_ml / (4 * 4 * 20 / 1000))


def fail_at_lungs(monkeypatch):
    """Let the disk be full at the second file of a scan."""
    save = nib.save

    def save_until_full(image, path):
        if "lungs" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        save(image, path)

    monkeypatch.setattr(nib, "save", save_until_full)


def hidden_files(output):
    return [path for path in output.rglob(".*") if path.name != ".outcomes"]


def test_overwriting_that_fails_half_way_leaves_the_old_masks_with_the_old_record(
    segmenter, other, chest_file, output, monkeypatch
):
    segment_scans([chest_file], output, segmenter, BARE)
    before = lesion_voxels(output)
    with monkeypatch.context() as patch:
        fail_at_lungs(patch)
        result = segment_scans([chest_file], output, other, AGAIN)
    assert list(result.failures) == ["chest"]
    assert lesion_voxels(output) == recorded_voxels(output) == before
    assert segment_scans([chest_file], output, segmenter, BARE).kept == ["chest"]
    assert segment_scans([chest_file], output, other, AGAIN).failures == {}
    assert lesion_voxels(output) == recorded_voxels(output) > before
    assert not hidden_files(output)


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.mark.parametrize("moves", range(6))
def test_overwriting_that_is_killed_ends_with_old_or_new_results_never_with_both(
    segmenter, other, chest_file, output, monkeypatch, moves
):
    segment_scans([chest_file], output, segmenter, BARE)
    before, left, replace = lesion_voxels(output), [moves], os.replace

    def replace_until_killed(source, target):
        left[0] -= 1
        if left[0] == -1:
            raise Killed
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(stage.os, "replace", replace_until_killed)
        with suppress(Killed):
            segment_scans([chest_file], output, other, AGAIN)
    sealed = moves >= 3  # mask, lungs and record are moved within the draft, then each of them into place
    result = segment_scans([chest_file], output, other if sealed else segmenter, BARE)
    assert result.failures == {}
    assert result.kept == ["chest"]
    assert (lesion_voxels(output) > before) == sealed
    assert lesion_voxels(output) == recorded_voxels(output)
    assert not hidden_files(output)


def test_what_a_killed_first_run_leaves_is_done_again_without_overwrite(segmenter, chest_file, output):
    draft = output / ".chest.draft"
    draft.mkdir(parents=True)
    (draft / "chest_infection.nii.gz").write_text("half")
    (output / ".chest.lock").touch()
    result = segment_scans([chest_file], output, segmenter, BARE)
    assert result.failures == {}
    assert lesion_voxels(output) == recorded_voxels(output)
    assert not hidden_files(output)


@pytest.mark.parametrize("name", ["chest_lungs.nii.gz", "chest_probability.nii.gz", "chest.png"])
def test_a_file_of_somebody_else_is_refused_and_kept_also_where_it_is_not_wanted(segmenter, chest_file, output, name):
    output.mkdir()
    (output / name).write_text("mine")
    result = segment_scans([chest_file], output, segmenter, BARE)
    assert f"{output / name}: is there already, and not by a finished run" in result.failures["chest"]
    assert (output / name).read_text() == "mine"


def test_optional_files_of_earlier_results_go_when_a_scan_is_segmented_again_without_them(
    segmenter, chest_file, output
):
    both = BatchOptions(["probability"], progress=False)
    segment_scans([chest_file], output, segmenter, both)
    assert (output / "chest_probability.nii.gz").exists()
    assert segment_scans([chest_file], output, segmenter, BARE).kept == ["chest"]
    assert (output / "chest_probability.nii.gz").exists()
    segment_scans([chest_file], output, segmenter, AGAIN)
    assert not (output / "chest_probability.nii.gz").exists()
    assert not (output / "chest.png").exists()


def test_a_full_disk_is_a_line_about_the_output_not_the_scan(segmenter, chest_file, output, monkeypatch):
    fail_at_lungs(monkeypatch)
    line = segment_scans([chest_file], output, segmenter, BARE).failures["chest"]
    assert line.startswith(f"{output}: cannot be written to (No space left on device)")
    assert str(chest_file) not in line


def refuse_probe(*args, **kwargs):
    raise OSError(errno.EROFS, "Read-only file system")


def test_an_output_that_cannot_be_written_to_is_refused_before_the_first_scan(
    segmenter, chest_file, output, monkeypatch
):
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse_probe)
    monkeypatch.setattr(segmenter, "prepare", None)
    with pytest.raises(InputError, match=r"out: cannot be written to \(Read-only file system\)"):
        segment_scans([chest_file], output, segmenter, BARE)


def test_a_table_that_cannot_be_written_is_one_line(segmenter, chest_file, output, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(csv.DictWriter, "writerow", full)
    with pytest.raises(InputError, match=r"out: cannot be written to \(No space left on device\)"):
        segment_scans([chest_file], output, segmenter, BARE)
    monkeypatch.undo()
    assert segment_scans([chest_file], output, segmenter, BARE).kept == ["chest"]
    assert not hidden_files(output)


def test_a_scan_that_another_process_works_on_comes_last_and_is_then_found_finished(
    segmenter, band_weights, twins, output, monkeypatch
):
    """While the first run works on ``chest``, a second one does ``second``, then waits for ``chest``."""
    beside = Segmenter(device="cpu", weights=band_weights, **OVERRIDES)
    results, done = {}, {"first": [], "beside": []}
    segmenters = {"first": segmenter, "beside": beside}
    thread = threading.Thread(target=lambda: results.update(beside=segment_scans([twins], output, beside, BARE)))

    def watched(name):
        prepare = segmenters[name].prepare

        def run(scan, **options):
            done[name].append(scan.name)
            if name == "first":
                thread.start()
                while not (output / "second.json").exists():
                    thread.join(0.01)
            return prepare(scan, **options)

        return run

    for name, one in segmenters.items():
        monkeypatch.setattr(one, "prepare", watched(name))
    results["first"] = segment_scans([twins], output, segmenter, BARE)
    thread.join()
    assert done == {"first": ["chest"], "beside": ["second"]}
    assert results["first"].kept == ["second"]
    assert results["beside"].kept == ["chest"]
    for result in results.values():
        assert set(result.records) == {"chest", "second"}
        assert result.failures == {}
    assert list(pd.read_csv(output / "statistics.csv")["scan"]) == ["chest", "second"]
    assert not hidden_files(output)


def test_a_scan_that_another_process_has_given_up_is_done(segmenter, twins, output, monkeypatch):
    prepare, seen = segmenter.prepare, []
    held = hold_lock(output / ".chest.lock")

    def release_after_second(scan, **options):
        seen.append(scan.name)
        if scan.name == "second":
            threading.Timer(0.2, held.__exit__, (None, None, None)).start()
        return prepare(scan, **options)

    monkeypatch.setattr(segmenter, "prepare", release_after_second)
    held.__enter__()
    result = segment_scans([twins], output, segmenter, BARE)
    assert seen == ["second", "chest"]
    assert result.failures == {}
    assert list(pd.read_csv(output / "statistics.csv")["scan"]) == ["chest", "second"]


def test_a_skipped_scan_is_not_read_where_no_report_is_wanted(segmenter, chest_file, output, monkeypatch):
    segment_scans([chest_file], output, segmenter, BARE)
    monkeypatch.setattr(scan_results, "read_segmentation", None)
    assert segment_scans([chest_file], output, segmenter, BARE).kept == ["chest"]


def test_an_interruption_right_after_a_scan_is_finished_does_not_lose_it_from_the_table(
    segmenter, twins, output, monkeypatch
):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("infnet_monai.inference.batch.logger.warning", interrupted)  # of the scan's warnings
    with pytest.raises(KeyboardInterrupt):
        segment_scans([twins], output, segmenter, BatchOptions(progress=False))
    assert list(pd.read_csv(output / "statistics.csv")["scan"]) == ["chest"]
    page = (output / "report.html").read_text()
    assert "1 scan, 1 warning" in page
    assert "chest_infection.nii.gz" in page
