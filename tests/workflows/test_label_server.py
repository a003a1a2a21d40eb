import runpy
from pathlib import Path

from typer.testing import CliRunner

SCRIPT = Path(__file__).parents[2] / "workflows" / "label_server.py"


def run(*arguments):
    app = runpy.run_path(str(SCRIPT))["app"]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_missing_folder_is_one_line(tmp_path):
    done = run(tmp_path / "none", "--app", tmp_path / "app")
    assert done.exit_code == 1
    assert done.output == f"Error: {tmp_path / 'none'}: no such folder; give the folder of the scans\n"
    assert not (tmp_path / "app").exists()


def test_environment_without_monai_label_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    done = run(tmp_path, "--app", tmp_path / "app")
    assert done.exit_code == 1
    assert "MONAI Label is not installed" in done.output
