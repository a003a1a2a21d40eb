import runpy
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

SCRIPT = Path(__file__).parents[2] / "workflows" / "prepare_data.py"


@pytest.fixture(scope="module")
def run():
    app = runpy.run_path(str(SCRIPT))["app"]
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2, 9):
        image = np.random.default_rng(number).integers(-1000, 200, (8, 6, 4)).astype(np.int16)
        label = np.zeros(image.shape, np.uint8)
        label[2:4, 2:4, 1] = number % 3 or 2
        for part, array in (("images", image), ("labels", label)):
            (tmp_path / part).mkdir(exist_ok=True)
            nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / part / f"{number}.nii.gz")
    return tmp_path


def test_writes_datalist_table_and_picture(run, folder, tmp_path):
    result = run(folder, "--output", tmp_path / "new", "--training", "2,1", "--validation", "9")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "new" / "contact_sheet.png").is_file()
    rows = [line.split() for line in result.output.splitlines() if "0, " in line]
    assert [row[:4] for row in rows] == [
        ["2", "training", "4", "1"],
        ["1", "training", "4", "1"],
        ["9", "validation", "4", "1"],
    ]
    assert str(tmp_path / "new" / "dataset.json") in result.output


def test_section_without_lesion_is_a_warning(run, folder):
    nib.save(nib.Nifti1Image(np.zeros((8, 6, 4), np.uint8), np.eye(4)), folder / "labels" / "9.nii.gz")
    result = run(folder, "--validation", "9")
    assert result.exit_code == 0, result.output
    assert "Warning: validation (9): no slice holds a lesion" in result.output
    refused = run(folder, "--training", "9", "--validation", "1", "--overwrite")
    assert refused.exit_code == 1
    assert "training (9): no slice holds a lesion" in refused.output


def test_lesion_values_are_named(run, folder):
    assert "Lesion: 1 (lesion 1), 2 (lesion 2)" in run(folder).output


def test_fraction_and_lesion_labels(run, folder):
    result = run(folder, "--validation", "0.4", "--test", "0", "--lesion-labels", "2")
    assert result.exit_code == 0, result.output
    assert '"background_labels": [\n    1\n  ]' in (folder / "dataset.json").read_text()


def test_scans_of_a_patient_stay_together(run, folder):
    (folder / "patients.csv").write_text("case,patient\n1,a\n2,b\n9,a\n")
    result = run(folder, "--validation", "9", "--group-by", f"{folder / 'patients.csv'}:patient")
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.output.splitlines() if "0, " in line]
    assert [row[:3] for row in rows] == [["2", "training", "b"], ["9", "validation", "a"], ["1", "validation", "a"]]


def test_skipped_cases_are_named(run, folder):
    (folder / "labels" / "1.nii.gz").unlink()
    result = run(folder, "--skip-bad")
    assert result.exit_code == 0, result.output
    assert f"Left out: {folder / 'images' / '1.nii.gz'}: has no mask" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--validation", "7"], "validation case '7': no such case"),
        (["--validation", "scan.1"], "validation case 'scan.1': no such case"),
        (["--accept", "nonsense"], "accept 'nonsense': unknown; what can be accepted: missing-slices, "),
        (["--group-by", "x"], "group by x: has 0 groups in parentheses, expected one"),
        (["--lesion-labels", "one"], "--lesion-labels one: expected whole numbers"),
    ],
)
def test_wrong_options_are_one_line(run, folder, arguments, message):
    result = run(folder, *arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def test_script_ends_with_status_1_and_no_traceback(tmp_path):
    finished = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "nowhere"], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 1
    assert f"{tmp_path / 'nowhere'}: no such folder" in finished.stderr
    assert "Traceback" not in finished.stderr
