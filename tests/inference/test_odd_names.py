"""Names and descriptions that hold anything, through everything that repeats them."""

import csv
import json
import os

import nibabel as nib
import numpy as np
import pytest
from dicom_series import new_series, write_slices
from pydicom import dcmread

from infnet_monai.inference import BatchOptions, segment_scans

ODD = {
    "newline": "two\nlines",
    "escape": "clear\x1b[2Jscreen",
    "markup": "<script>alert(1)</script>".replace("/", "_"),
    "dash": "-rf",
    "right-to-left": "ct\u202egnp.iin",
    "long": "é" * 120,
    "not UTF-8": os.fsdecode(b"caf\xe9"),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_scan_of_any_name_is_done_and_named_in_printable_text(segmenter, chest, tmp_path, caplog, kind):
    name = ODD[kind]
    folder, output = tmp_path / "scans" / name, tmp_path / "out"
    folder.mkdir(parents=True)
    nib.save(nib.Nifti1Image(chest.image, chest.affine), folder / f"{name[:40]}.nii.gz")
    (folder / f"{name[:40]}-damaged.nii.gz").write_bytes(b"damaged")

    result = segment_scans([tmp_path / "scans"], output, segmenter, BatchOptions(progress=False))

    (done,), (failed,) = result.records, result.failures
    assert (done + failed + result.failures[failed]).isprintable()
    with open(output / "statistics.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["scan"] for row in rows] == [done, failed]
    assert all(value.isprintable() for row in rows for value in row.values())
    assert json.loads((output / "run.json").read_text())["scans"] == {done: "done", failed: "failed"}
    assert (output / f"{done}_infection.nii.gz").is_file()
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert all(record.getMessage().isprintable() for record in caplog.records)
    assert segment_scans([tmp_path / "scans"], output, segmenter, BatchOptions(progress=False)).kept == [done]


def test_the_longest_name_leaves_room_for_the_endings_of_results(segmenter, chest, tmp_path):
    stem = "a" * 248
    nib.save(nib.Nifti1Image(chest.image, chest.affine), tmp_path / f"{stem}.nii")
    nib.save(nib.Nifti1Image(chest.image, chest.affine), tmp_path / f"{stem}b.nii")
    result = segment_scans([tmp_path], tmp_path / "out", segmenter, BatchOptions(progress=False))
    assert result.failures == {}
    assert list(result.records) == ["a" * 200, "a" * 200 + "-2"]


def test_a_series_with_an_odd_description_gets_a_dicom_seg(segmenter, chest, tmp_path):
    pytest.importorskip("highdicom")
    corners = (np.diag([-1, -1, 1, 1]) @ chest.affine @ [[0, 0, k, 1] for k in range(10)][k] for k in range(10))
    series = new_series(3, "<script>alert(1)</script>\x1b[2J \u202e" + "x" * 90)
    positions = [corner[:3] for corner in corners]
    write_slices(
        *(tmp_path / "ct", positions, chest.image.transpose(2, 1, 0)),
        spacing_mm=(4.0, 4.0, 20.0),
        series=series,
        tags={"SpecificCharacterSet": "ISO_IR 192"},
    )
    result = segment_scans([tmp_path / "ct"], tmp_path / "out", segmenter, BatchOptions(["dicom_seg"], progress=False))
    assert result.failures == {}
    assert not [warning for warning in result.records["ct"].warnings if "DICOM SEG" in warning]
    assert int(dcmread(tmp_path / "out" / "ct_infection.dcm").pixel_array.sum()) > 0
    assert "<script>alert" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
