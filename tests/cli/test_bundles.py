from pathlib import Path
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

from infnet_monai.bundle_folder import list_bundles
from infnet_monai.cli import app


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments):
    return CliRunner().invoke(app, ["bundles", *arguments])


def test_lists_every_bundle_with_size_and_licence():
    lines = run("list").output.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == list_bundles()
    assert " MB" in lines[0]
    assert "Apache-2.0" in lines[0]


def test_copies_once_and_then_says_in_one_line_that_the_copy_stays():
    assert run("copy", "infnet_vgg16").exit_code == 0
    assert Path("infnet_vgg16/configs/train.json").is_file()
    again = run("copy", "infnet_vgg16")
    assert again.exit_code == 1
    assert again.output.startswith("Error: infnet_vgg16: exists already")


def test_packages_under_the_name_of_bundle_and_version():
    assert run("package", "efficientnet_lite0").exit_code == 0
    (written,) = Path().glob("infnet_efficientnet_lite0_v*.zip")
    with ZipFile(written) as file:
        assert file.testzip() is None
