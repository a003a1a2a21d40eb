"""The command ``infnet federated``: what a user can mend is one line."""

import sys

import pytest
from typer.testing import CliRunner

from infnet_monai.cli import app
from infnet_monai.cli.federated import site_names
from infnet_monai.errors import InputError


def test_without_nvflare_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "nvflare", None)
    result = CliRunner().invoke(app, ["federated", "simulate", "A", "B", "-o", "out"])
    assert result.exit_code == 1
    assert "infnet-monai[fl]" in result.output
    assert "Traceback" not in result.output


def test_a_site_has_the_name_of_its_folder(tmp_path):
    assert list(site_names([tmp_path / "north", tmp_path / "south"])) == ["north", "south"]


@pytest.mark.parametrize(
    ("folders", "problem"),
    [
        (["a"], "two or more"),
        (["a", "b c"], "not a name"),
        (["a", "server"], "not a name"),
        (["x/a", "y/a"], "two sites"),
    ],
)
def test_names_that_cannot_be_sites_are_refused(tmp_path, folders, problem):
    with pytest.raises(InputError, match=problem):
        site_names([tmp_path / folder for folder in folders])
