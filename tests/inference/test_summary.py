"""Table, report and run record are made from what is on disk, by any process, at any time."""

import csv
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from infnet_monai.benchmarks.archive import write_archive
from infnet_monai.errors import InputError
from infnet_monai.inference import BatchOptions, Part, ScanRecord, segment_scans, summarise
from infnet_monai.inference.outcomes import FAILED, Outcome, Outcomes

QUIET = BatchOptions(progress=False)
BARE = BatchOptions(progress=False, report=False)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def archive(tmp_path, output, segmenter):
    """Results of 230 scans, of which 23 are skipped (ct_7, ...) and 23 have failed (ct_8, ...)."""
    write_archive(output, tmp_path / "archived", 230, segmenter)
    return output


def rows(output):
    with open(output / "statistics.csv", newline="") as file:
        return list(csv.DictReader(file))


def run_record(output):
    return json.loads((output / "run.json").read_text())


def test_all_records_and_outcomes_are_in_the_table_sorted_by_name(archive):
    summary = summarise(archive)
    table = rows(archive)
    assert [row["scan"] for row in table] == [f"ct_{k}" for k in range(230)]
    assert [row["status"] for row in table[6:9]] == ["done", "skipped", "failed"]
    record = ScanRecord.read(archive / "ct_3.json")
    assert float(table[3]["lesion_volume_ml"]) == record.statistics.lesion_volume_ml
    assert table[3]["warnings"] == record.warnings[0]
    assert table[8]["message"] == "ct_8.nii.gz: truncated"
    assert table[8]["lesion_volume_ml"] == ""
    assert run_record(archive)["scans"] == summary.states == {row["scan"]: row["status"] for row in table}
    assert run_record(archive)["seconds"]["network"] == 184 * 9.0
    assert list(summary.warnings) == [f"ct_{k}" for k in range(3, 230, 10)]
    assert (archive / "report" / "page_3.html").exists()


def test_the_pages_hold_each_scan_once_with_its_pictures(archive):
    summarise(archive)
    pages = [archive / "report.html", *sorted((archive / "report").iterdir())]
    html = "".join(page.read_text() for page in pages)
    assert html.count("<section") == 207
    assert html.count('_slices.jpg"') == 184
    assert 'src="../ct_' in pages[1].read_text()
    assert 'max="47" value="20"' in html


def test_pages_of_a_longer_report_go_and_results_in_a_folder_of_its_name_stay(archive):
    summarise(archive)
    (archive / "report" / "ct.json").write_text("results of a scan in a folder called report")
    for k in range(120):
        (archive / f"ct_{k}.json").unlink(missing_ok=True)
        Outcomes(archive).remove(f"ct_{k}")
    summarise(archive)
    assert sorted(path.name for path in (archive / "report").iterdir()) == ["ct.json"]


def test_copies_drafts_and_results_of_other_folders_are_not_counted(archive, caplog):
    names = len(summarise(archive, report=False).states)
    (archive / "inner").mkdir()
    for copy in ("inner/ct_0.json", "copy.json", ".ct_0.draft.json"):
        shutil.copy(archive / "ct_0.json", archive / copy)
    (archive / ".ct_500.draft").mkdir()
    record = replace(ScanRecord.read(archive / "ct_0.json"), scan=".ct_500.draft/ct_500")
    record.write(archive / ".ct_500.draft" / "ct_500.json")
    (archive / "notes.json").write_text("mine")
    assert len(summarise(archive, report=False).states) == names
    assert caplog.text == ""


def test_a_damaged_record_is_named_and_the_rest_is_summarised(archive, caplog):
    (archive / "ct_0.json").write_text("{")
    assert "ct_0" not in summarise(archive).states
    assert "ct_0.json: is no record of a segmentation" in caplog.text
    assert len(rows(archive)) == 229


def test_without_results_there_is_nothing_to_summarise(tmp_path):
    with pytest.raises(InputError, match="none: no such folder; expected the folder that infnet segment"):
        summarise(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(InputError, match="no results there"):
        summarise(tmp_path)


def test_a_failure_survives_its_process_and_goes_when_the_scan_is_done(segmenter, chest_file, output):
    good = chest_file.read_bytes()
    chest_file.write_bytes(good[:9000])
    segment_scans([chest_file], output, segmenter, BARE)
    assert summarise(output).failures["chest"].startswith(f"{chest_file}: ")
    chest_file.write_bytes(good)
    segment_scans([chest_file], output, segmenter, BARE)
    assert summarise(output).states == {"chest": "done"}
    assert list(Outcomes(output).read()) == []


def test_a_failure_that_cannot_be_noted_is_in_the_table_all_the_same(
    segmenter, chest_file, output, monkeypatch, caplog
):
    def full(content, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("infnet_monai.inference.outcomes.write_json", full)
    chest_file.write_bytes(chest_file.read_bytes()[:9000])
    segment_scans([chest_file], output, segmenter, BARE)
    assert [row["status"] for row in rows(output)] == ["failed"]
    assert "cannot note that it was failed" in caplog.text


def test_a_name_as_long_as_a_file_system_allows_has_an_outcome(tmp_path):
    Outcomes(tmp_path).write(Outcome("x" * 255, FAILED, "File name too long"))
    assert summarise(tmp_path).failures == {"x" * 255: "File name too long"}


def test_a_killed_first_run_tells_which_scans_were_not_reached(segmenter, chest_file, output, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*args, **kwargs):
        raise Killed

    (chest_file.parent / "second.nii.gz").write_bytes(chest_file.read_bytes())
    run, ran = segmenter.run, []
    monkeypatch.setattr(segmenter, "run", lambda *args: killed() if ran else ran.append(run(*args)))
    monkeypatch.setattr("infnet_monai.inference.batch.summarise", killed)
    with pytest.raises(Killed):
        segment_scans([chest_file.parent], output, segmenter, BARE)
    assert summarise(output).states == {"chest": "done", "second": "not reached"}
    assert run_record(output)["bundle"] == segmenter.name
    assert [row["scan"] for row in rows(output)] == ["chest"]


def test_the_last_part_writes_the_table_of_all(segmenter, chest_file, output):
    for name in ("b", "c", "d"):
        (chest_file.parent / f"{name}.nii.gz").write_bytes(chest_file.read_bytes())
    results = [
        segment_scans([chest_file.parent], output, segmenter, replace(BARE, part=Part(number, 2))) for number in (1, 2)
    ]
    assert sorted([*results[0].records, *results[1].records]) == ["b", "c", "chest", "d"]
    assert results[0].files == []
    assert [row["scan"] for row in rows(output)] == ["b", "c", "chest", "d"]
    assert [path.name for path in results[1].files] == ["statistics.csv", "run.json"]


def test_finished_scans_are_neither_read_nor_drawn_again(segmenter, chest_file, output, monkeypatch):
    segment_scans([chest_file], output, segmenter, QUIET)
    before = (output / "chest_slices.jpg").stat().st_mtime_ns
    monkeypatch.setattr("infnet_monai.inference.scan_results.read_segmentation", None)
    monkeypatch.setattr("infnet_monai.scans.source.file_sha256", None)
    assert segment_scans([chest_file], output, segmenter, QUIET).kept == ["chest"]
    assert (output / "chest_slices.jpg").stat().st_mtime_ns == before
    assert 'src="chest_slices.jpg"' in (output / "report.html").read_text()


def test_pictures_that_a_run_left_out_are_drawn_from_the_masks_without_the_network(
    segmenter, chest_file, output, tmp_path, monkeypatch
):
    segment_scans([chest_file], output, segmenter, BARE)
    monkeypatch.setattr(segmenter, "segment", None)
    assert segment_scans([chest_file], output, segmenter, QUIET).kept == ["chest"]
    monkeypatch.undo()
    segment_scans([chest_file], tmp_path / "direct", segmenter, QUIET)
    for name in ("chest.png", "chest_slices.jpg"):
        assert (output / name).read_bytes() == (tmp_path / "direct" / name).read_bytes()


def test_pictures_that_cannot_be_drawn_later_cost_a_warning_only(segmenter, chest_file, output, caplog):
    segment_scans([chest_file], output, segmenter, BARE)
    (output / "chest_lungs.nii.gz").write_bytes(b"damaged")
    assert segment_scans([chest_file], output, segmenter, QUIET).kept == ["chest"]
    assert "chest: no contact sheet: " in caplog.text


def test_a_scan_that_was_moved_or_touched_keeps_its_results(segmenter, chest_file, output, tmp_path, monkeypatch):
    segment_scans([chest_file], output, segmenter, BARE)
    os.utime(chest_file, (1, 1))
    monkeypatch.setattr(segmenter, "segment", None)
    assert segment_scans([chest_file], output, segmenter, BARE).kept == ["chest"]
    moved = chest_file.rename(tmp_path / "chest.nii.gz")
    finished = (output / "chest.json").stat().st_mtime_ns
    assert segment_scans([moved], output, segmenter, BARE).kept == ["chest"]
    assert rows(output)[0]["source"] == str(moved)
    assert (output / "chest.json").stat().st_mtime_ns == finished
    monkeypatch.setattr("infnet_monai.scans.source.file_sha256", None)  # its new place has been noted
    assert segment_scans([moved], output, segmenter, BARE).kept == ["chest"]


def test_a_scan_of_the_same_size_and_other_content_is_another_scan(segmenter, chest_file, output):
    segment_scans([chest_file], output, segmenter, BARE)
    content = bytearray(chest_file.read_bytes())
    content[4] ^= 1  # the date in the header of gzip, which leaves the voxels as they are
    chest_file.write_bytes(content)
    assert "made with another scan" in segment_scans([chest_file], output, segmenter, BARE).failures["chest"]


def test_results_of_a_record_without_hash_are_kept_by_place_size_and_date(segmenter, chest_file, output, caplog):
    segment_scans([chest_file], output, segmenter, BARE)
    record = json.loads((output / "chest.json").read_text())
    del record["made_by"]["scan"]["sha256"]
    (output / "chest.json").write_text(json.dumps(record))
    assert segment_scans([chest_file], output, segmenter, BARE).kept == ["chest"]
    os.utime(chest_file, (1, 1))
    assert "made with another scan" in segment_scans([chest_file], output, segmenter, BARE).failures["chest"]


def test_processes_may_summarise_at_once(archive):
    with ThreadPoolExecutor(3) as pool:
        states = [summary.states for summary in pool.map(summarise, [archive] * 3)]
    assert states[0] == states[1] == states[2] == run_record(archive)["scans"]
    assert not list(archive.glob(".run.*"))
