import csv
import json
import re

import nibabel as nib
import numpy as np
import pytest

from infnet_monai.findings import LobeFiles
from infnet_monai.inference import BatchOptions, segment_scans


@pytest.fixture
def lobe_file(chest, tmp_path):
    """Lobes as lungmask numbers them: the lungs of the phantom in two or three parts from below."""
    columns, _, slices = np.indices(chest.lung.shape)  # the first axis runs to the left, the third upwards
    right, left = (np.array(lobes)[slices * len(lobes) // 10] for lobes in ([5, 4, 3], [2, 1]))
    values = (np.where(columns < chest.lung.shape[0] / 2, right, left) * chest.lung).astype(np.uint8)
    path = tmp_path / "lobes" / "chest.nii.gz"
    path.parent.mkdir()
    nib.save(nib.Nifti1Image(values, chest.affine), path)
    return path


def test_lobes_lead_to_a_score_in_record_table_and_report(segmenter, chest_file, lobe_file, tmp_path):
    output = tmp_path / "out"

    result = segment_scans([chest_file], output, segmenter, BatchOptions(progress=False, lobes=LobeFiles(lobe_file)))

    assert result.failures == {}
    record = json.loads((output / "chest.json").read_text())
    findings = record["findings"]
    assert 0 < findings["ct_severity_score_0_to_25"] <= 25
    assert record["made_by"]["lobes"] == LobeFiles(lobe_file).identity("chest")
    with open(output / "statistics.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row)[-1] == "lesion_percent_outside_lobes"
    assert row["ct_severity_score_0_to_25"] == str(findings["ct_severity_score_0_to_25"])
    bands = [value for name, value in findings.items() if name.endswith("_hu")]
    assert sum(bands) == pytest.approx(100, abs=0.01)
    text = re.sub(r"<[^>]+>", "", (output / "report.html").read_text())
    assert f"CT severity score (five lobes){findings['ct_severity_score_0_to_25']} of 25" in text
    assert f"Zone score (thirds of the lungs' height){findings['zone_score_0_to_24']} of 24" in text


def test_results_without_lobes_are_not_taken_for_those_with_them(segmenter, chest_file, lobe_file, tmp_path):
    output = tmp_path / "out"
    quiet = BatchOptions(report=False, progress=False)
    first = segment_scans([chest_file], output, segmenter, quiet)
    assert first.records["chest"].findings.ct_severity_score_0_to_25 is None

    with_lobes = BatchOptions(report=False, progress=False, lobes=LobeFiles(lobe_file))
    again = segment_scans([chest_file], output, segmenter, with_lobes)

    assert "made with another lobes; give --overwrite or another folder" in again.failures["chest"]


def test_lobes_that_do_not_fit_fail_the_scan_in_one_line(segmenter, chest_file, lobe_file, tmp_path):
    lobes = nib.load(lobe_file)
    nib.save(nib.Nifti1Image(np.asarray(lobes.dataobj)[:-1], lobes.affine), lobe_file)
    options = BatchOptions(report=False, progress=False, lobes=LobeFiles(lobe_file.parent))

    result = segment_scans([chest_file], tmp_path / "out", segmenter, options)

    assert result.failures["chest"].startswith(f"{lobe_file}: lobes have ")
    assert not (tmp_path / "out" / "chest.json").exists()
