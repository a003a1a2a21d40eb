import json
import logging

import nibabel as nib
import numpy as np
import pytest
import torch
from killed_segmenting import write_band_bundle, write_scans
from typer.testing import CliRunner

from infnet_monai import __version__
from infnet_monai.cli import app

runner = CliRunner()


def test_version():
    assert runner.invoke(app, ["version"]).output.strip() == __version__


def test_convert_weights_refuses_a_foreign_file_in_one_line(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "in.pth")
    done = runner.invoke(app, ["convert-weights", str(tmp_path / "in.pth"), str(tmp_path / "out.pt")])
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert not (tmp_path / "out.pt").exists()


@pytest.fixture
def bundle(tmp_path):
    return write_band_bundle(tmp_path / "my_bundle")


@pytest.fixture
def scans(tmp_path):
    return write_scans(tmp_path / "scans", 1)


def test_segment_writes_and_says_what_it_wrote(bundle, scans, tmp_path):
    arguments = ["segment", str(scans), "--output", str(tmp_path / "out"), "--bundle", str(bundle), "--device", "cpu"]
    done = runner.invoke(app, [*arguments, "--probability"])
    assert done.exit_code == 0
    statistics = json.loads((tmp_path / "out" / "chest_0.json").read_text())["statistics"]
    percent = f"{statistics['lesion_percent_of_lung']:.1f} % of the lungs"
    assert f"chest_0: lesion {statistics['lesion_volume_ml']:.1f} ml, {percent}" in done.stdout
    for name in ("statistics.csv", "report.html", "run.json"):
        assert f"wrote {tmp_path / 'out' / name}" in done.stdout
    assert (tmp_path / "out" / "chest_0_probability.nii.gz").exists()
    again = runner.invoke(app, [*arguments, "--no-report"])
    assert again.exit_code == 0
    assert "1 finished before and kept" in again.stdout


def test_segment_ends_with_1_and_a_list_after_a_broken_scan(bundle, scans, tmp_path):
    (scans / "broken.nii").write_bytes(b"no scan")
    done = runner.invoke(app, ["segment", str(scans), "-o", str(tmp_path / "out"), "--bundle", str(bundle)])
    assert done.exit_code == 1
    assert "chest_0: lesion" in done.stdout
    assert "1 scans failed:" in done.stderr
    assert "broken.nii: cannot be read" in done.stderr


def write_leg(path):
    leg = np.full((40, 40, 4), -1000, np.int16)
    leg[12:28, 12:28] = 60
    nib.save(nib.Nifti1Image(leg, np.diag([-2, -2, 5, 1])), path)


def test_segment_counts_skipped_scans_and_lists_warnings(bundle, scans, tmp_path, caplog):
    caplog.set_level(logging.WARNING)  # as it is for the command, whatever a bundle has set in this process
    write_leg(scans / "leg.nii")
    arguments = ["segment", str(scans), "-o", str(tmp_path / "out"), "--bundle", str(bundle), "--no-report"]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0
    assert "1 skipped, not taken for a chest CT (leg), see statistics.csv; --all segments all" in done.stdout
    assert "leg" not in done.stderr
    done = runner.invoke(app, [*arguments, "--all"])
    assert done.exit_code == 0
    assert "leg: lesion" in done.stdout
    assert "2 scans with warnings:\n  chest_0: " in done.stderr
    assert "no lungs were found; the whole slices were segmented" in done.stderr.split("\n  leg: ")[1]


def test_segment_ends_with_1_and_one_line_where_every_scan_is_skipped(bundle, tmp_path):
    write_leg(tmp_path / "leg.nii")
    arguments = ["segment", str(tmp_path / "leg.nii"), "-o", str(tmp_path / "out"), "--bundle", str(bundle)]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 1
    assert "Error: none of 1 scans is taken for a chest CT (leg: no lungs found: " in done.stderr
    assert json.loads((tmp_path / "out" / "run.json").read_text())["scans"] == {"leg": "skipped"}
    assert runner.invoke(app, [*arguments, "--accept", "no-lungs"]).exit_code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bundle", "infnet_none"], "bundle infnet_none: unknown"),
        (["--device", "nonsense"], "device 'nonsense' cannot be used"),
        (["--weights", "none.pt"], "none.pt: no such weights"),
        (["--intensity", "HU"], "intensity 'HU' is unknown; give one of auto, hu, grey, unit"),
        (["--accept", "missing-slice"], "accept 'missing-slice': unknown; what can be accepted: missing-slices, "),
        (["--accept", "unreadable"], "accept 'unreadable': the file cannot be read; there is nothing to accept"),
    ],
)
def test_segment_names_a_wrong_option_in_one_line(bundle, scans, tmp_path, options, words):
    arguments = ["segment", str(scans), "-o", str(tmp_path / "out"), "--bundle", str(bundle), *options]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_parts_and_a_manifest_end_in_one_table_and_summarise_writes_it_again(bundle, tmp_path):
    write_scans(tmp_path / "scans", 3)
    rows = ["path,name", "scans/chest_0.nii.gz,patient_1", "scans/chest_1.nii.gz,", "scans/ward/chest_2.nii.gz,two"]
    (tmp_path / "scans.csv").write_text("\n".join(rows))
    output = tmp_path / "out"
    arguments = ["segment", "--manifest", str(tmp_path / "scans.csv"), "-o", str(output), "--bundle", str(bundle)]
    outputs = []
    for task in ("0", "1"):
        queue = {"JOB_COMPLETION_INDEX": task}
        done = runner.invoke(app, [*arguments, "--no-report", "--part", "auto/2"], env=queue)
        assert done.exit_code == 0
        outputs.append(done.stdout)
    assert f"the last one writes the table, infnet summarise {output} does at any time" in outputs[0]
    assert f"wrote {output / 'statistics.csv'}" in outputs[1]
    table = (output / "statistics.csv").read_bytes()
    (output / "statistics.csv").unlink()
    done = runner.invoke(app, ["summarise", str(output), "--warnings-first"])
    assert done.exit_code == 0
    assert "3 scans: 3 done" in done.stdout
    assert (output / "statistics.csv").read_bytes() == table
    assert [line.split(b",")[0] for line in table.splitlines()[1:]] == [b"chest_1", b"patient_1", b"two"]
    assert (output / "report.html").exists()


def test_summarise_names_a_wrong_folder_in_one_line(tmp_path):
    done = runner.invoke(app, ["summarise", str(tmp_path / "none")])
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {tmp_path / 'none'}: no such folder")


def test_segment_without_scans_is_one_line(tmp_path):
    done = runner.invoke(app, ["segment", "-o", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "Error: no scans are given" in done.stderr


def test_an_interruption_is_one_line_and_a_status(bundle, scans, tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("infnet_monai.inference.batch.segment_scans", interrupted)
    done = runner.invoke(app, ["segment", str(scans), "-o", str(tmp_path / "out"), "--bundle", str(bundle)])
    assert done.exit_code == 130
    assert done.stderr == "Interrupted.\n"


def test_options_of_the_optional_files_are_those_of_the_library():
    help_text = runner.invoke(app, ["segment", "--help"], env={"COLUMNS": "200"}).output
    for option in ("--probability", "--dicom-seg", "--report", "--no-report", "--accept", "--all"):
        assert option in help_text
