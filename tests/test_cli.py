import torch
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
