"""A file is added to the results of a scan by a class and its entry in one list."""

import importlib
import json

import pytest
import typer
from band_network import OVERRIDES
from dicom_series import write_heights
from killed_segmenting import write_band_bundle, write_scans
from typer.testing import CliRunner

from infnet_monai.errors import InputError
from infnet_monai.inference import RESULT_WRITERS, BatchOptions, ResultWriter, Segmenter, segment_scans
from infnet_monai.inference.result_writers import ContactSheetWriter, ProbabilityWriter


class VolumeWriter(ResultWriter):
    """The lesion volume in a text file; of scans whose name says so it cannot be made."""

    ending = "_volume.txt"
    title = "text"
    option = "volume_text"
    help = "Write the lesion volume as text."

    def write(self, result, path, scan, made_by):
        if scan.name.startswith("odd"):
            raise InputError("the scan is odd")
        path.write_text(f"{result.statistics.lesion_volume_ml:.3f} ml by {made_by.model}")


@pytest.fixture
def _registered():
    RESULT_WRITERS.append(VolumeWriter())
    yield
    RESULT_WRITERS.pop()


@pytest.mark.usefixtures("_registered")
def test_a_new_writer_is_an_option_of_the_library(segmenter, chest_file, tmp_path):
    options = BatchOptions(["volume_text"], report=False, progress=False)
    result = segment_scans([chest_file], tmp_path / "out", segmenter, options)
    volume_ml = result.records["chest"].statistics.lesion_volume_ml
    text = (tmp_path / "out" / "chest_volume.txt").read_text()
    assert text == f"{volume_ml:.3f} ml by infnet_efficientnet_lite0 {segmenter.version}"
    assert segment_scans([chest_file], tmp_path / "out", segmenter, options).kept == ["chest"]
    again = BatchOptions(report=False, progress=False, overwrite=True)
    segment_scans([chest_file], tmp_path / "out", segmenter, again)
    assert not (tmp_path / "out" / "chest_volume.txt").exists()
    assert json.loads((tmp_path / "out" / "run.json").read_text())["options"]["volume_text"] is False


@pytest.mark.usefixtures("_registered")
def test_a_new_writer_is_an_option_of_the_command(tmp_path):
    module = importlib.reload(importlib.import_module("infnet_monai.cli.segment"))
    app = typer.Typer()
    app.command()(module.segment)
    bundle, scans = write_band_bundle(tmp_path / "bundle"), write_scans(tmp_path / "scans", 1)
    arguments = [str(scans), "-o", str(tmp_path / "out"), "--bundle", str(bundle), "--volume-text", "--device", "cpu"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "chest_0_volume.txt").exists()
    assert VolumeWriter.help in CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output


@pytest.mark.usefixtures("_registered")
def test_a_file_that_cannot_be_made_of_a_scan_costs_nothing_but_a_warning(segmenter, chest_file, tmp_path, caplog):
    (chest_file.parent / "odd.nii.gz").write_bytes(chest_file.read_bytes())
    options = BatchOptions(["volume_text"], report=False, progress=False)
    result = segment_scans([chest_file.parent], tmp_path / "out", segmenter, options)
    assert result.failures == {}
    assert result.records["odd"].warnings[-1] == "no text: the scan is odd"
    assert "odd: no text: the scan is odd" in caplog.text
    assert (tmp_path / "out" / "odd_infection.nii.gz").exists()
    assert (tmp_path / "out" / "chest_volume.txt").exists()
    again = segment_scans([chest_file.parent], tmp_path / "out", segmenter, options)
    assert again.kept == ["chest", "odd"]
    assert again.records["odd"].warnings[-1] == "no text: the scan is odd"


def test_unknown_outputs_are_refused():
    with pytest.raises(InputError, match="output 'volume' is unknown; expected one of probability, dicom_seg"):
        BatchOptions(["volume"])


def test_the_report_brings_the_contact_sheet():
    assert any(isinstance(writer, ContactSheetWriter) for writer in BatchOptions().writers())
    names = [type(writer).__name__ for writer in BatchOptions(["probability"], report=False).writers()]
    assert names == ["MaskWriter", "LungsWriter", "ProbabilityWriter"]


def test_masks_read_from_files_have_no_probability_map_to_write(segmenter, chest_file, tmp_path):
    result = segmenter.segment(chest_file)
    object.__setattr__(result, "probability", None)
    with pytest.raises(InputError, match="segment the scan again"):
        ProbabilityWriter().write(result, tmp_path / "p.nii.gz", None, None)


def test_without_highdicom_a_dicom_seg_is_refused_before_the_first_scan(segmenter, chest_file, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "highdicom", None)
    with pytest.raises(InputError, match=r"infnet-monai\[dicom\]"):
        segment_scans([chest_file], tmp_path / "out", segmenter, BatchOptions(["dicom_seg"], progress=False))
    assert not (tmp_path / "out").exists()


def test_an_irregular_series_keeps_its_mask_and_says_why_it_has_no_dicom_seg(band_weights, tmp_path):
    pytest.importorskip("highdicom")
    write_heights(tmp_path / "ct", [0, 2, 4, 7, 9, 12], rows=24, columns=20)
    named = Segmenter(device="cpu", weights=band_weights, intensity="unit", all_scans=True, **OVERRIDES)
    options = BatchOptions(["dicom_seg"], report=False, progress=False)
    result = segment_scans([tmp_path / "ct"], tmp_path / "out", named, options)
    assert result.failures == {}
    (warning,) = [line for line in result.records["ct"].warnings if "DICOM SEG" in line]
    assert "the slices are 2.00 to 3.00 mm apart, not evenly spaced" in warning
    assert (tmp_path / "out" / "ct_infection.nii.gz").exists()
    assert not (tmp_path / "out" / "ct_infection.dcm").exists()
    assert segment_scans([tmp_path / "ct"], tmp_path / "out", named, options).kept == ["ct"]
