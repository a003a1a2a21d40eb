"""``infnet scans``: a list of what is there, ending with 0 whatever is wrong with it."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from infnet_monai.cli import app

runner = CliRunner()
AFFINE = np.diag([-1.0, -1, 2, 1])


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "scans"
    (folder / "labels").mkdir(parents=True)
    voxels = np.random.default_rng(0).integers(-1000, 400, (8, 7, 5)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, AFFINE), folder / "ct.nii.gz")
    nib.save(nib.Nifti1Image((voxels > 0).astype(np.uint8), AFFINE), folder / "labels" / "ct.nii.gz")
    (folder / "broken.nii").write_bytes(b"no scan")
    return folder


def test_scans_are_listed_with_what_would_become_of_them(folder):
    done = runner.invoke(app, ["scans", str(folder)])
    assert done.exit_code == 0
    assert "3 found: 1 would be segmented (0 with warnings), 1 skipped, 1 refused" in done.stdout
    assert "skipped: a label volume, not a scan: its voxels are 0, 1" in done.stdout


def test_all_counts_what_does_not_look_like_a_chest_ct(folder):
    done = runner.invoke(app, ["scans", str(folder), "--all"])
    assert "3 found: 2 would be segmented (1 with warnings), 0 skipped, 1 refused" in done.stdout


def test_the_table_is_written_as_csv(folder, tmp_path):
    done = runner.invoke(app, ["scans", str(folder), "--csv", str(tmp_path / "new" / "scans.csv")])
    assert f"wrote {tmp_path / 'new' / 'scans.csv'}" in done.stdout
    table = pd.read_csv(tmp_path / "new" / "scans.csv", keep_default_na=False).set_index("name")
    assert table["state"].to_dict() == {"broken": "refused", "ct": "segmented", "labels/ct": "skipped"}
    assert table.loc["ct", "spacing"] == "1 x 1 x 2"


def test_a_missing_folder_is_one_line(tmp_path):
    done = runner.invoke(app, ["scans", str(tmp_path / "none")])
    assert done.exit_code == 1
    assert done.stderr == f"Error: {tmp_path / 'none'}: no such file or folder; check the path\n"
