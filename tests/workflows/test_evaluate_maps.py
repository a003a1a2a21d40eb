import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

SCRIPT = Path(__file__).parents[2] / "workflows" / "evaluate_maps.py"


@pytest.fixture(scope="module")
def run():
    app = runpy.run_path(str(SCRIPT))["app"]
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folders(tmp_path):
    """Two perfect pairs of pictures, one map without a mask."""
    maps, masks = tmp_path / "maps", tmp_path / "masks"
    maps.mkdir()
    masks.mkdir()
    picture = np.zeros((12, 12), np.uint8)
    picture[4:9, 3:8] = 255
    for name in ("one", "two"):
        Image.fromarray(picture).save(masks / f"{name}.png")
    for name in ("one", "two", "three"):
        Image.fromarray(picture).save(maps / f"{name}.png")
    return maps, masks


def test_prints_the_row_and_writes_both_files(run, folders, tmp_path):
    output = tmp_path / "figures" / "metrics.json"
    result = run("--pred", folders[0], "--gt", folders[1], "--output", output)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    row = lines[lines.index("   Dice    Sen.   Spec.       S       E     MAE") + 1].split()
    # a perfect map: everything is labelled at one threshold of 256
    assert row[0] == f"{(255 + 2 * 25 / (144 + 25)) / 256:.3f}"
    assert row[1:4] == ["1.000", "0.996", "1.000"]
    assert row[5] == "0.000"
    assert "2 files, 2 images" in result.output
    assert "Probability maps without a mask: 1 (three)" in result.output
    assert "Masks without a probability map: none" in result.output
    summary = json.loads(output.read_text())["summary"]
    assert summary["max_dice"] == 1
    assert output.with_suffix(".csv").read_text().splitlines()[1].startswith("one,")


def test_clinical_protocol_counts_undefined_values(run, folders, tmp_path):
    for folder in folders:
        Image.fromarray(np.zeros((12, 12), np.uint8)).save(folder / "one.png")
    arguments = ("--pred", folders[0], "--gt", folders[1], "--protocol", "clinical", "--output", tmp_path / "m.json")
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert "threshold 0.5" in result.output
    assert "dice in 1" in result.output


def test_a_bad_file_gets_one_line_and_status_one_and_the_rest_goes_on(run, folders, tmp_path):
    (folders[0] / "one.png").write_bytes(b"not a picture")
    result = run("--pred", folders[0], "--gt", folders[1], "--output", tmp_path / "m.json")
    assert result.exit_code == 1
    assert sum("one.png" in line for line in result.output.splitlines()) == 1
    assert json.loads((tmp_path / "m.json").read_text())["images"] == 1


def test_a_missing_folder_is_one_line(run):
    result = run("--pred", "nowhere", "--gt", "nowhere")
    assert result.exit_code == 1
    assert result.output == "Error: nowhere: no such folder\n"


def test_long_lists_are_cut(run, folders, tmp_path):
    for number in range(12):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(folders[0] / f"extra_{number}.png")
    result = run("--pred", folders[0], "--gt", folders[1], "--output", tmp_path / "m.json")
    assert "Probability maps without a mask: 13 (extra_0, " in result.output
    assert ", ...)" in result.output
