"""Scans with problems: refused, skipped, accepted, and what records, tables and reports say of them."""

import csv
import errno
import json
import threading
from contextlib import suppress

import nibabel as nib
import numpy as np
import pytest
from band_network import OVERRIDES

from infnet_monai.inference import BatchOptions, Segmenter, segment_scans
from infnet_monai.scans import Problem, ScanSource, Severity

QUIET = BatchOptions(progress=False)
BARE = BatchOptions(progress=False, report=False)
AGAIN = BatchOptions(progress=False, report=False, overwrite=True)
PROBLEMS = {
    "good": (),
    "tilted": (Problem("gantry-tilt", "The gantry is tilted by 20 degrees.", Severity.WARNING),),
    "gaps": (Problem("missing-slices", "8 of 40 slices are missing.", Severity.REFUSED),),
    "scout": (Problem("localizer", "A localizer.", Severity.SKIPPED),),
}


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def scans(chest_file, monkeypatch):
    """Four copies of a chest, found with problems."""
    sources = []
    for name, problems in PROBLEMS.items():
        path = chest_file.with_name(f"{name}.nii.gz")
        path.write_bytes(chest_file.read_bytes())
        sources.append(ScanSource(path, name, problems=problems))
    chest_file.unlink()
    monkeypatch.setattr("infnet_monai.inference.batch.find_scans", lambda inputs, exclude: sources)
    return chest_file.parent


@pytest.fixture
def accepting(band_weights):
    def load(**options):
        return Segmenter(device="cpu", weights=band_weights, **options, **OVERRIDES)

    return load


def rows(output):
    with open(output / "statistics.csv", newline="") as file:
        return {row["scan"]: row for row in csv.DictReader(file)}


def run_record(output):
    return json.loads((output / "run.json").read_text())


def test_each_scan_ends_as_done_failed_or_skipped(segmenter, scans, output, caplog):
    caplog.set_level("INFO")
    result = segment_scans([scans], output, segmenter, QUIET)
    assert list(result.records) == ["good", "tilted"]
    assert result.skipped == {"scout": "A localizer."}
    line = f"{scans / 'gaps.nii.gz'}: 8 of 40 slices are missing. To segment it all the same: --accept missing-slices"
    assert result.failures == {"gaps": line}
    table = rows(output)
    assert {name: row["status"] for name, row in table.items()} == run_record(output)["scans"]
    assert run_record(output)["scans"] == {"good": "done", "tilted": "done", "gaps": "failed", "scout": "skipped"}
    assert table["gaps"]["message"] == line
    assert table["scout"]["message"] == run_record(output)["skipped"]["scout"] == "A localizer."
    assert [record.levelname for record in caplog.records if "A localizer." in record.getMessage()] == ["INFO"]
    assert not list(output.glob("gaps*")) + list(output.glob("scout*"))
    page = (output / "report.html").read_text()
    assert "4 scans, 2 warning, 1 failed, 1 skipped" in page  # of the few slices of the phantom, too


def test_a_warning_is_in_record_table_run_report_and_log(segmenter, scans, output, caplog):
    words = "The gantry is tilted by 20 degrees."
    result = segment_scans([scans], output, segmenter, QUIET)
    warnings = list(result.records["tilted"].warnings)
    assert warnings == [words, *result.records["good"].warnings]  # of the few slices of the phantom
    assert json.loads((output / "tilted.json").read_text())["warnings"] == warnings
    assert rows(output)["tilted"]["warnings"] == "; ".join(warnings)
    assert words not in rows(output)["good"]["warnings"]
    assert run_record(output)["warnings"] == {"good": warnings[1:], "tilted": warnings}
    assert (output / "report.html").read_text().count(f"<li>{words}</li>") == 1
    assert f"tilted: {words}" in caplog.text


def test_what_cannot_be_accepted_is_not_offered(segmenter, chest_file, output, monkeypatch):
    problems = tuple(Problem(code, f"{code}.", Severity.REFUSED) for code in ("unreadable", "missing-slices"))
    sources = [ScanSource(chest_file, "chest", problems=problems)]
    monkeypatch.setattr("infnet_monai.inference.batch.find_scans", lambda inputs, exclude: sources)
    result = segment_scans([chest_file], output, segmenter, BARE)
    assert result.failures == {"chest": f"{chest_file}: unreadable.; missing-slices."}


def test_accepted_problems_become_warnings_and_part_of_the_record(segmenter, accepting, scans, output):
    result = segment_scans([scans], output, accepting(accept="missing-slices", all_scans=True), BARE)
    assert list(result.records) == list(PROBLEMS)
    assert rows(output)["gaps"]["warnings"].split("; ")[0] == "8 of 40 slices are missing."
    made_by = {name: json.loads((output / f"{name}.json").read_text())["made_by"] for name in PROBLEMS}
    accepted = {name: content["acceptance"] for name, content in made_by.items()}
    assert accepted == {"good": [], "tilted": [], "gaps": ["missing-slices"], "scout": ["localizer"]}
    options = run_record(output)["options"]
    assert (options["accept"], options["all_scans"]) == (["missing-slices"], True)
    later = segment_scans([scans], output, segmenter, BARE)
    assert later.kept == ["good", "tilted"]  # what is accepted beside them changes nothing for them
    assert (list(later.failures), list(later.skipped)) == (["gaps"], ["scout"])


def test_accepting_later_leaves_finished_scans_as_they_are(segmenter, accepting, scans, output):
    segment_scans([scans], output, segmenter, BARE)
    result = segment_scans([scans], output, accepting(accept=["missing-slices"]), BARE)
    assert result.kept == ["good", "tilted"]
    assert list(result.records) == ["good", "tilted", "gaps"]


def test_a_scan_without_lungs_is_skipped_before_the_network_runs(segmenter, accepting, tmp_path, output, monkeypatch):
    leg = np.full((50, 50, 4), -1000, np.int16)
    leg[15:35, 15:35] = 60
    nib.save(nib.Nifti1Image(leg, np.diag([-2, -2, 5, 1])), tmp_path / "leg.nii.gz")
    with monkeypatch.context() as patch:
        patch.setattr(segmenter, "_run_network", None)
        result = segment_scans([tmp_path / "leg.nii.gz"], output, segmenter, BARE)
    assert result.failures == {}
    assert result.skipped["leg"].startswith("no lungs found: not a chest CT, or")
    for number, options in enumerate(({"accept": "no-lungs"}, {"all_scans": True}, {"lung_crop": False})):
        folder = tmp_path / f"out-{number}"
        assert list(segment_scans([tmp_path / "leg.nii.gz"], folder, accepting(**options), BARE).records) == ["leg"]
    assert "no lungs were found" in rows(tmp_path / "out-0")["leg"]["warnings"]
    kept = segment_scans([tmp_path / "leg.nii.gz"], tmp_path / "out-0", segmenter, BARE)
    assert list(kept.skipped) == ["leg"]
    assert (tmp_path / "out-0" / "leg_infection.nii.gz").exists()


def test_a_scan_that_may_not_be_read_is_one_line(segmenter, scans, output, monkeypatch):
    identity = ScanSource.identity

    def denied(source, hashed=False):
        if source.name == "tilted":
            raise PermissionError(errno.EACCES, "Permission denied", str(source.path))
        return identity(source, hashed)

    monkeypatch.setattr(ScanSource, "identity", denied)
    result = segment_scans([scans], output, segmenter, BARE)
    assert result.failures["tilted"] == f"{scans / 'tilted.nii.gz'}: Permission denied"
    assert list(result.records) == ["good"]


def test_two_processes_that_overwrite_do_each_scan_once(segmenter, band_weights, chest_file, output, monkeypatch):
    """While the first run overwrites ``chest``, a second one overwrites ``second``, then waits for ``chest``."""
    (chest_file.parent / "second.nii.gz").write_bytes(chest_file.read_bytes())
    segment_scans([chest_file.parent], output, segmenter, BARE)
    beside = Segmenter(device="cpu", weights=band_weights, **OVERRIDES)
    results, done = {}, {"first": [], "beside": []}
    thread = threading.Thread(
        target=lambda: results.update(beside=segment_scans([chest_file.parent], output, beside, AGAIN))
    )
    record = output / "second.json"
    old = record.stat().st_mtime_ns

    def replaced():
        with suppress(FileNotFoundError):  # for a moment, while its successor is published
            return record.stat().st_mtime_ns != old

    def watched(name, prepare):
        def run(scan, **options):
            done[name].append(scan.name)
            if name == "first":
                thread.start()
                while not replaced() and thread.is_alive():
                    thread.join(0.01)
            return prepare(scan, **options)

        return run

    monkeypatch.setattr(segmenter, "prepare", watched("first", segmenter.prepare))
    monkeypatch.setattr(beside, "prepare", watched("beside", beside.prepare))
    results["first"] = segment_scans([chest_file.parent], output, segmenter, AGAIN)
    thread.join()
    assert done == {"first": ["chest"], "beside": ["second"]}
    assert (results["first"].kept, results["beside"].kept) == (["second"], ["chest"])


def test_overwriting_does_not_keep_what_others_make_otherwise_meanwhile(
    segmenter, band_weights, chest_file, output, monkeypatch
):
    """Results of another threshold that appear after the start of the run are replaced, too."""
    other = Segmenter(device="cpu", weights=band_weights, threshold=0.001, **OVERRIDES)
    (chest_file.parent / "second.nii.gz").write_bytes(chest_file.read_bytes())
    second, prepare = chest_file.parent / "second.nii.gz", segmenter.prepare

    def run(scan, **options):
        if scan.name == "chest":
            segment_scans([second], output, other, AGAIN)
        return prepare(scan, **options)

    monkeypatch.setattr(segmenter, "prepare", run)
    result = segment_scans([chest_file.parent], output, segmenter, AGAIN)
    assert result.kept == []
    assert json.loads((output / "second.json").read_text())["made_by"]["settings"]["threshold"] == 0.5


def test_a_fault_of_an_optional_file_costs_only_that_file(segmenter, chest_file, output, monkeypatch):
    def broken(writer, result, path, scan, made_by):
        path.write_text("half")
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("infnet_monai.inference.result_writers.ProbabilityWriter.write", broken)
    result = segment_scans([chest_file], output, segmenter, BatchOptions(["probability"], False, progress=False))
    assert result.records["chest"].warnings[-1] == "no probability map: ZeroDivisionError: division by zero"
    assert (output / "chest_infection.nii.gz").exists()
    assert not (output / "chest_probability.nii.gz").exists()
