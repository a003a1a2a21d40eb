import json

import pandas as pd
import pytest
from scan_tables import scan_table
from written_masks import hand_worked_masks, write_mask

from infnet_monai.evaluation.scan_folders import ScanFolders, evaluate_scans
from infnet_monai.evaluation.scan_groups import summarise_groups
from infnet_monai.reporting import scan_evaluation
from infnet_monai.reporting.scan_evaluation import summary_lines, write_scan_evaluation


@pytest.fixture
def evaluation(tmp_path):
    """The scan worked by hand, three times, and one without lesions."""
    prediction, reference, _ = hand_worked_masks()
    for name in ("ct_1", "ct_2", "ct_3", "healthy"):
        write_mask(tmp_path / "out", name, prediction)
        write_mask(tmp_path / "labels", name, reference * (name != "healthy"))
    return evaluate_scans(ScanFolders([tmp_path / "out"], tmp_path / "labels"))


def test_table_summary_and_pictures_appear_together(evaluation, tmp_path):
    files = write_scan_evaluation(evaluation, tmp_path / "results")
    names = ["scans.csv", "summary.json", "bland_altman.png", "cases.png"]
    assert [path.name for path in files] == names
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == sorted(names)
    table = pd.read_csv(files[0])
    assert table["dice"].tolist() == pytest.approx([8 / 14] * 3 + [0])
    assert table["lung_ml"].isna().all()
    summary = json.loads(files[1].read_text())
    assert summary["groups"]["with_lesions"]["metrics"]["false_negative_ml"]["low"] == pytest.approx(2)
    assert summary["without_lungs"] == ["ct_1", "ct_2", "ct_3", "healthy"]


def test_nothing_is_written_where_a_picture_fails(evaluation, tmp_path, monkeypatch):
    write_scan_evaluation(evaluation, tmp_path / "results")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "results").iterdir()}

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scan_evaluation, "draw_scan_dots", fail)
    with pytest.raises(OSError, match="No space"):
        write_scan_evaluation(evaluation, tmp_path / "results")
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "results").iterdir()} == before


def test_picture_of_an_earlier_evaluation_does_not_stay(evaluation, tmp_path):
    write_scan_evaluation(evaluation, tmp_path / "results")
    free = evaluate_scans(ScanFolders([tmp_path / "out"], lesion_free=["healthy"]))
    assert "bland_altman.png" not in [path.name for path in write_scan_evaluation(free, tmp_path / "results")]
    assert not (tmp_path / "results" / "bland_altman.png").exists()


def test_text_has_mean_interval_and_range_of_each_metric(evaluation):
    lines = summary_lines(evaluation.groups)
    assert lines[0] == "Scans with lesions: 3"
    dice = next(line for line in lines if "Dice of the volume" in line)
    assert dice.split() == ["Dice", "of", "the", "volume", "0.571", "0.571", "to", "0.571", "0.571", "to", "0.571"]
    lung = next(line for line in lines if "Absolute error (% of the lungs)" in line)
    assert lung.endswith("undefined in 3")
    assert "  Prediction - reference (ml): bias 2.000, limits of agreement 2.000 to 2.000" in lines
    assert "  Intervals of fewer than 20 scans are too narrow." in lines
    free = lines[lines.index("Scans without lesions: 1") :]
    assert "  Fewer than 3 scans: no intervals and no limits." in free
    assert not any("more than 50 ml" in line for line in lines)


def test_group_of_the_same_scans_is_not_printed_twice():
    groups = summarise_groups(scan_table([60, 70, 80, 0], [50, 60, 70, 9]))
    lines = summary_lines(groups)
    assert "Scans with more than 50 ml of lesion: the same 3" in lines
    assert sum("Dice of the volume" in line for line in lines) == 1
    lines = summary_lines(summarise_groups(scan_table([10, 70, 80, 0], [50, 60, 70, 9])))
    assert "Scans with more than 50 ml of lesion: 2" in lines
    assert sum("Dice of the volume" in line for line in lines) == 2
