"""Folders of scans: files for each, a table and a report for all, whatever is wrong with one of them."""

import csv
import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from band_network import OVERRIDES
from dicom_series import write_series

from infnet_monai.errors import InputError
from infnet_monai.inference import BatchOptions, Segmenter, segment_scans

QUIET = BatchOptions(progress=False)
BARE = BatchOptions(progress=False, report=False)


def rows(output: Path) -> dict[str, dict[str, str]]:
    with open(output / "statistics.csv", newline="") as file:
        return {row["scan"]: row for row in csv.DictReader(file)}


def states(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*.nii.gz")}


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


def test_one_scan_gets_all_its_files(segmenter, chest, chest_file, output):
    result = segment_scans([chest_file], output, segmenter, BatchOptions(["probability"], progress=False))
    names = {path.relative_to(output).as_posix() for path in output.rglob("*")}
    endings = ("_infection.nii.gz", "_lungs.nii.gz", "_probability.nii.gz", ".json", ".png", "_slices.jpg")
    assert names == {f"chest{ending}" for ending in endings} | {"statistics.csv", "report.html", "run.json"}
    assert result.failures == {}
    assert {path.name for path in result.files} == {"statistics.csv", "report.html", "run.json"}
    mask, lungs, probability = (nib.load(output / f"chest{ending}") for ending in endings[:3])
    for image, kind in ((mask, np.uint8), (lungs, np.uint8), (probability, np.float32)):
        assert image.shape == chest.image.shape
        assert image.get_data_dtype() == kind
        assert np.allclose(image.affine, chest.affine)
        assert image.header.get_zooms() == pytest.approx((4, 4, 20))
    expected = segmenter.segment(chest_file)
    assert np.array_equal(mask.dataobj, expected.mask)
    assert np.array_equal(np.asarray(probability.dataobj) >= 0.5, expected.mask == 1)
    assert (output / "chest.png").stat().st_size > 20_000
    assert 'src="chest_slices.jpg"' in (output / "report.html").read_text()


def test_statistics_stand_in_record_table_and_run(segmenter, chest_file, output):
    segment_scans([chest_file], output, segmenter, QUIET)
    record = json.loads((output / "chest.json").read_text())
    statistics = record["statistics"]
    assert statistics == segmenter.segment(chest_file).statistics.as_dict()
    assert statistics["lesion_volume_ml"] > 0
    assert record["intensity"] == "hu"
    row = rows(output)["chest"]
    assert float(row["lesion_volume_ml"]) == statistics["lesion_volume_ml"]
    assert row["bundle"] == f"infnet_efficientnet_lite0 {segmenter.version}"
    run = json.loads((output / "run.json").read_text())
    assert run["scans"] == {"chest": "done"}
    assert run["weights"]["sha256"] == record["made_by"]["weights"]
    assert run["bundle"] == "infnet_efficientnet_lite0"
    assert {"read", "lungs", "prepare", "network", "restore", "statistics", "write", "picture"} <= set(
        record["seconds"]
    )
    assert run["seconds"].keys() >= record["seconds"].keys() | {"report"}


@pytest.fixture
def leg_file(tmp_path):
    leg = np.full((50, 50, 4), -1000, np.int16)
    leg[15:35, 15:35] = 60
    nib.save(nib.Nifti1Image(leg, np.diag([-2, -2, 5, 1])), tmp_path / "leg.nii.gz")
    return tmp_path / "leg.nii.gz"


@pytest.fixture
def greedy(band_weights):
    """A segmenter that skips no scan."""
    return Segmenter(device="cpu", weights=band_weights, all_scans=True, **OVERRIDES)


def test_undefined_statistics_are_null_and_empty_cells(greedy, leg_file, output):
    segment_scans([leg_file], output, greedy, QUIET)
    record = json.loads((output / "leg.json").read_text())
    assert record["lungs_found"] is False
    assert any("no lungs were found" in warning for warning in record["warnings"])
    for name in ("lung_volume_ml", "left_lung_volume_ml", "lesion_percent_of_lung"):
        assert record["statistics"][name] is None
        assert rows(output)["leg"][name] == ""
    assert "no lungs" in (output / "report.html").read_text()


def break_scans(folder: Path, chest_file: Path, chest) -> dict[str, str]:
    """Write broken scans; what the message about each must say."""
    affine = np.diag([-2, -2, 5, 1])
    (folder / "truncated.nii.gz").write_bytes(chest_file.read_bytes()[:9000])
    nib.save(nib.Nifti1Image(np.zeros((8, 8), np.int16), affine), folder / "flat.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros((8, 8, 4, 3), np.int16), affine), folder / "series.nii.gz")
    with_nan = chest.image.astype(np.float32)
    with_nan[3, 4, 5] = np.nan
    nib.save(nib.Nifti1Image(with_nan, chest.affine), folder / "nan.nii.gz")
    nib.save(nib.Nifti1Image((chest.image + 1024).astype(np.int16), chest.affine), folder / "shifted.nii.gz")
    return {
        "truncated": "cannot be read",
        "flat": "is 2D",
        "series": "is 4D",
        "nan": "1 voxels are NaN",
        "shifted": "neither HU",
    }


def test_broken_scans_are_listed_and_the_rest_is_done(segmenter, chest, chest_file, output, caplog):
    expected = break_scans(chest_file.parent, chest_file, chest)
    result = segment_scans([chest_file.parent], output, segmenter, QUIET)
    assert list(result.records) == ["chest"]
    assert result.failures.keys() == expected.keys()
    for name, words in expected.items():
        line = result.failures[name]
        assert words in line
        assert f"{name}.nii.gz" in line
        assert "\n" not in line
        assert rows(output)[name]["status"] == "failed"
        assert rows(output)[name]["message"] == line
        assert line in caplog.text
        assert not list(output.glob(f"{name}[._]*"))
    run = json.loads((output / "run.json").read_text())
    assert run["scans"]["truncated"] == "failed"
    assert run["scans"]["chest"] == "done"


def test_finished_scans_are_skipped_and_reported_all_the_same(segmenter, chest_file, output):
    segment_scans([chest_file], output, segmenter, QUIET)
    before = states(output)
    (chest_file.parent / "second.nii.gz").write_bytes(chest_file.read_bytes())
    result = segment_scans([chest_file.parent], output, segmenter, QUIET)
    assert result.kept == ["chest"]
    assert list(result.records) == ["chest", "second"]
    assert {name: state for name, state in states(output).items() if name.startswith("chest")} == before
    assert set(rows(output)) == {"chest", "second"}
    assert (output / "report.html").read_text().count("_slices.jpg") == 2
    assert not list(output.glob("earlier-*"))


def test_overwrite_segments_again(segmenter, chest_file, output):
    segment_scans([chest_file], output, segmenter, BARE)
    before = states(output)
    result = segment_scans([chest_file], output, segmenter, BatchOptions(overwrite=True, report=False, progress=False))
    assert result.kept == []
    after = states(output)
    assert all(after[name][0] > before[name][0] for name in before)


def test_a_probability_map_asked_for_later_is_added(segmenter, chest_file, output):
    segment_scans([chest_file], output, segmenter, BARE)
    result = segment_scans([chest_file], output, segmenter, BatchOptions(["probability"], report=False, progress=False))
    assert result.kept == []
    assert (output / "chest_probability.nii.gz").exists()


def test_results_made_otherwise_are_not_overwritten(segmenter, band_weights, chest_file, output):
    segment_scans([chest_file], output, segmenter, BARE)
    before = states(output)
    other = Segmenter(device="cpu", weights=band_weights, threshold=0.3, **OVERRIDES)
    result = segment_scans([chest_file], output, other, BARE)
    assert "chest.json: made with another settings; give --overwrite" in result.failures["chest"]
    with open(chest_file, "ab") as file:
        file.write(b"\0")  # behind the end of the compressed voxels, which stay the same
    result = segment_scans([chest_file], output, segmenter, BARE)
    assert "made with another scan" in result.failures["chest"]
    assert states(output) == before


@pytest.mark.parametrize("name", ["chest_infection.nii.gz", "chest.json"])
def test_a_foreign_file_of_the_same_name_is_kept(segmenter, chest_file, output, name):
    output.mkdir()
    (output / name).write_text("mine")
    result = segment_scans([chest_file], output, segmenter, BARE)
    assert name in result.failures["chest"]
    assert "--overwrite" in result.failures["chest"]
    assert (output / name).read_text() == "mine"


def test_a_later_run_on_other_scans_adds_to_table_and_report(segmenter, chest_file, tmp_path, output):
    segment_scans([chest_file], output, segmenter, QUIET)
    other = tmp_path / "other.nii.gz"
    other.write_bytes(chest_file.read_bytes())
    result = segment_scans([other], output, segmenter, QUIET)
    assert list(result.records) == ["other"]
    assert list(rows(output)) == ["chest", "other"]
    assert json.loads((output / "run.json").read_text())["scans"] == {"chest": "done", "other": "done"}
    assert not list(output.glob("earlier-*"))


def test_a_table_of_scans_without_records_is_backed_up(segmenter, chest_file, output):
    segment_scans([chest_file], output, segmenter, QUIET)
    run = json.loads((output / "run.json").read_text())
    (output / "run.json").write_text(json.dumps(run | {"scans": {"chest": "done", "lost": "failed"}}))
    table = (output / "statistics.csv").read_text()
    segment_scans([chest_file], output, segmenter, QUIET)
    (earlier,) = output.glob("earlier-*")
    assert (earlier / "statistics.csv").read_text() == table
    assert (earlier / "report.html").exists()


def test_nested_folders_keep_their_names_and_results_inside_an_input_are_not_scans(segmenter, chest_file):
    folder = chest_file.parent
    (folder / "ward" / "bed").mkdir(parents=True)
    chest_file.rename(folder / "ward" / "bed" / "ct.1.nii.gz")
    segment_scans([folder], folder / "results", segmenter, BARE)
    result = segment_scans([folder], folder / "results", segmenter, BARE)
    assert result.kept == ["ward/bed/ct.1"]
    assert (folder / "results" / "ward" / "bed" / "ct.1_infection.nii.gz").exists()


def test_a_full_disk_leaves_no_half_scan_and_the_rest_is_done(segmenter, chest_file, output, monkeypatch):
    (chest_file.parent / "second.nii.gz").write_bytes(chest_file.read_bytes())
    save = nib.save

    def save_until_full(image, path):
        if "chest_lungs" in str(path):
            raise OSError(28, "No space left on device", str(path))
        save(image, path)

    monkeypatch.setattr(nib, "save", save_until_full)
    result = segment_scans([chest_file.parent], output, segmenter, BARE)
    assert "No space left on device" in result.failures["chest"]
    assert list(result.records) == ["second"]
    assert not list(output.glob("*chest*"))


def test_after_an_interruption_there_is_a_table_of_what_is_done(segmenter, chest_file, output, monkeypatch):
    (chest_file.parent / "second.nii.gz").write_bytes(chest_file.read_bytes())
    run, ran = segmenter.run, []

    def interrupted(prepared, *options):  # the network runs in the main thread, where Ctrl-C arrives
        ran.append(prepared)
        if len(ran) == 2:
            raise KeyboardInterrupt
        run(prepared, *options)

    monkeypatch.setattr(segmenter, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        segment_scans([chest_file.parent], output, segmenter, BARE)
    assert set(rows(output)) == {"chest"}
    assert json.loads((output / "run.json").read_text())["scans"] == {"chest": "done", "second": "not reached"}
    monkeypatch.undo()
    assert segment_scans([chest_file.parent], output, segmenter, BARE).kept == ["chest"]


def test_a_dicom_series_gets_a_dicom_seg_on_its_own_grid(segmenter, tmp_path, output):
    highdicom = pytest.importorskip("highdicom")
    write_series(tmp_path / "dicom" / "ct", rows=24, columns=20, slices=3)
    # voxel values count up from 0, which is neither HU nor grey: said to be HU, they are dense tissue
    result = segment_scans([tmp_path / "dicom"], output, segmenter, BatchOptions(["dicom_seg"], progress=False))
    assert "neither HU" in result.failures["ct"]
    named = Segmenter(
        device="cpu", weights=segmenter.weights, intensity="unit", all_scans=True, **OVERRIDES | {"threshold": 1e-30}
    )
    result = segment_scans([tmp_path / "dicom"], output, named, BatchOptions(["dicom_seg"], progress=False))
    assert result.failures == {}
    seg = highdicom.seg.segread(output / "ct_infection.dcm")
    mask = nib.load(output / "ct_infection.nii.gz")
    assert (seg.Rows, seg.Columns) == (24, 20)
    assert sorted(mask.shape) == [3, 20, 24]
    assert int(seg.pixel_array.sum()) == int(np.asarray(mask.dataobj).sum())


def test_dicom_seg_of_a_nifti_scan_is_refused_visibly(segmenter, chest_file, output):
    result = segment_scans([chest_file], output, segmenter, BatchOptions(["dicom_seg"], report=False, progress=False))
    assert result.records["chest"].warnings[-1] == "no DICOM SEG: the scan is not a DICOM series"


def test_no_scans_and_no_folder_to_write_to_are_errors(segmenter, chest_file, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no scan found"):
        segment_scans([tmp_path / "empty"], tmp_path / "out", segmenter, QUIET)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"out: cannot be written to \(Not a directory\)"):
        segment_scans([chest_file], tmp_path / "file" / "out", segmenter, QUIET)


def test_a_real_dicom_series_is_read_and_answered_in_its_own_grid(greedy, test_data, output):
    itk = pytest.importorskip("itk")
    result = segment_scans([test_data / "dicom_ct_series"], output, greedy, BARE)
    assert result.failures == {}
    series = itk.imread(str(test_data / "dicom_ct_series"))
    mask = nib.load(output / "dicom_ct_series_infection.nii.gz")
    assert sorted(mask.shape) == sorted(itk.size(series))
    assert sorted(mask.header.get_zooms()) == pytest.approx(sorted(itk.spacing(series)), rel=1e-4)


def test_masks_and_earlier_results_among_the_scans_are_left_out(segmenter, chest, chest_file, output, caplog):
    caplog.set_level("INFO")
    segment_scans([chest_file], chest_file.parent / "earlier", segmenter, BARE)
    nib.save(nib.Nifti1Image(chest.lesion.astype(np.uint8), chest.affine), chest_file.parent / "reader.nii.gz")
    os.mkfifo(chest_file.parent / "pipe.nii.gz")

    result = segment_scans([chest_file.parent], output, segmenter, BARE)

    assert list(result.records) == ["chest"]
    assert list(result.failures) == ["pipe"]
    assert "pipe, socket or device" in result.failures["pipe"]
    assert caplog.text.count("to segment it all the same: --all") == 3
    result = segment_scans([chest_file.parent / "reader.nii.gz"], output, segmenter, BARE)
    assert result.skipped["reader"].startswith("a label volume")
