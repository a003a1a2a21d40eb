import json
import shutil
from pathlib import Path

import nibabel as nib
import pytest
import torch
from band_network import OVERRIDES, BandNetwork
from typer.testing import CliRunner

from infnet_monai import __version__
from infnet_monai.cli import app
from infnet_monai.phantom.phantom import make_phantom

runner = CliRunner()
ROOT = Path(__file__).parents[2]


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
    """A bundle of its own folder, whose network is the band network."""
    folder = tmp_path / "my_bundle"
    shutil.copytree(ROOT / "bundles" / "infnet_efficientnet_lite0" / "configs", folder / "configs")
    path = folder / "configs" / "inference.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | OVERRIDES))
    (folder / "models").mkdir()
    torch.save(BandNetwork().state_dict(), folder / "models" / "model.pt")
    return folder


@pytest.fixture
def scans(tmp_path):
    phantom = make_phantom(1, shape=(44, 36, 6), spacing_mm=(8.0, 8.0, 36.0))
    folder = tmp_path / "scans"
    folder.mkdir()
    nib.save(nib.Nifti1Image(phantom.image, phantom.affine), folder / "chest.nii.gz")
    return folder


def test_segment_writes_and_says_what_it_wrote(bundle, scans, tmp_path):
    arguments = ["segment", str(scans), "--output", str(tmp_path / "out"), "--bundle", str(bundle), "--device", "cpu"]
    done = runner.invoke(app, [*arguments, "--probability"])
    assert done.exit_code == 0
    numbers = json.loads((tmp_path / "out" / "chest.json").read_text())["statistics"]
    share = f"{numbers['lesion_percent_of_lung']:.1f} % of the lungs"
    assert f"chest: lesion {numbers['lesion_volume_ml']:.1f} ml, {share}" in done.stdout
    for name in ("statistics.csv", "report.html", "run.json"):
        assert f"wrote {tmp_path / 'out' / name}" in done.stdout
    assert (tmp_path / "out" / "chest_probability.nii.gz").exists()
    again = runner.invoke(app, [*arguments, "--no-report"])
    assert again.exit_code == 0
    assert "1 finished before and skipped" in again.stdout


def test_segment_ends_with_1_and_a_list_after_a_broken_scan(bundle, scans, tmp_path):
    (scans / "broken.nii").write_bytes(b"no scan")
    done = runner.invoke(app, ["segment", str(scans), "-o", str(tmp_path / "out"), "--bundle", str(bundle)])
    assert done.exit_code == 1
    assert "chest: lesion" in done.stdout
    assert "1 scans failed:" in done.stderr
    assert "broken.nii: cannot be read" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bundle", "infnet_none"], "bundle infnet_none: unknown"),
        (["--device", "nonsense"], "device 'nonsense' cannot be used"),
        (["--weights", "none.pt"], "none.pt: no such weights"),
    ],
)
def test_segment_names_a_wrong_option_in_one_line(bundle, scans, tmp_path, options, words):
    arguments = ["segment", str(scans), "-o", str(tmp_path / "out"), "--bundle", str(bundle), *options]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
