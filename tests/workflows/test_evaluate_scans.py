import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner
from written_masks import SHAPE, hand_worked_masks, write_mask, write_segmented

SCRIPT = Path(__file__).parents[2] / "workflows" / "evaluate_scans.py"


@pytest.fixture(scope="module")
def run():
    app = runpy.run_path(str(SCRIPT))["app"]
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folders(tmp_path):
    """Two folds of one scan each, one of them with a scan without lesions too, and references."""
    prediction, reference, lungs = hand_worked_masks()
    write_segmented(tmp_path / "fold_1", "ct_1", prediction, lungs)
    write_segmented(tmp_path / "fold_2", "ct_2", reference, lungs)
    write_segmented(tmp_path / "fold_2", "healthy", prediction, lungs)
    for name in ("ct_1", "ct_2"):
        write_mask(tmp_path / "labels", name, reference)
    return tmp_path


def test_folds_and_scans_without_lesions_are_evaluated_by_one_command(run, folders):
    result = run(
        *("--pred", folders / "fold_1", folders / "fold_2", "--gt", folders / "labels"),
        *("--lesion-free", "healthy", "--output", folders / "results"),
    )
    assert result.exit_code == 0, result.output
    assert "Scans with lesions: 2" in result.output
    assert "Scans without lesions: 1" in result.output
    assert "With the lungs that the segmentation itself found: 3 (ct_1, ct_2, healthy)" in result.output
    table = pd.read_csv(folders / "results" / "scans.csv")
    assert table["false_positive_ml"].tolist() == pytest.approx([4, 0, 8])
    for name in ("summary.json", "bland_altman.png", "cases.png"):
        assert f"Wrote {folders / 'results' / name}" in result.output


def test_bad_scan_is_one_line_and_status_one_and_the_others_are_written(run, folders):
    write_mask(folders / "labels", "ct_1", np.zeros((2, 4, 5)))
    result = run(
        "--pred", folders / "fold_1", folders / "fold_2", "--gt", folders / "labels", "-o", folders / "results"
    )
    assert result.exit_code == 1
    assert sum("has shape" in line for line in result.output.splitlines()) == 1
    assert "Failed: 1 (ct_1)" in result.output
    assert "Left out, predictions without a reference: 1 (healthy)" in result.output
    summary = json.loads((folders / "results" / "summary.json").read_text())
    assert (summary["scans"], list(summary["failures"])) == (1, ["ct_1"])


def test_lungs_and_label_values_can_be_given(run, folders):
    labels = hand_worked_masks()[1] * 3
    labels[1, 3, 0] = 1
    write_mask(folders / "labels", "ct_1", labels)
    write_mask(folders / "lungs", "ct_1", np.ones(SHAPE))
    result = run(
        *("--pred", folders / "fold_1", "--gt", folders / "labels", "--lungs", folders / "lungs"),
        *("--lesion-labels", 3, "--background-labels", 1, 2, "-o", folders / "results"),
    )
    assert result.exit_code == 0, result.output
    table = pd.read_csv(folders / "results" / "scans.csv")
    assert table.loc[0, "reference_percent_of_lung"] == pytest.approx(25)  # 6 of 24 voxels
    assert table.loc[0, "lungs"] == "given"
    assert "Left out, references without a prediction: 1 (ct_2)" in result.output


def test_what_cannot_be_evaluated_at_all_is_one_line(run, folders):
    result = run("--pred", folders / "fold_1", "--gt", folders / "nowhere", "-o", folders / "results")
    assert (result.exit_code, result.output) == (1, f"Error: {folders / 'nowhere'}: no such folder\n")
    result = run("--pred", folders / "fold_1", "-o", folders / "results")
    assert result.exit_code == 1
    assert "a folder of references (--gt)" in result.output
    assert not (folders / "results").exists()


def test_output_that_cannot_be_written_is_one_line(run, folders):
    (folders / "results").write_text("a file")
    result = run("--pred", folders / "fold_1", "--gt", folders / "labels", "-o", folders / "results")
    assert result.exit_code == 1
    assert "results" in result.output.splitlines()[-1]
    assert "Traceback" not in result.output
