from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from infnet_monai.cli.many_values import ManyValues

app = typer.Typer()


@app.command(cls=ManyValues)
def show(
    folder: Annotated[list[str], typer.Option()],
    name: Annotated[str, typer.Option("--name", "-n")] = "none",
) -> None:
    print(folder, name)


@pytest.mark.parametrize(
    "words",
    [
        "--folder a b --name c",
        "--folder a --folder b --name c",
        "--name c --folder=a b",
        "--folder a b -n c",
        "-n c --folder a b",
    ],
)
def test_values_may_follow_each_other_or_repeat_the_option(words):
    result = CliRunner().invoke(app, words.split())
    assert result.output == "['a', 'b'] c\n"


def test_second_value_of_a_single_option_is_refused():
    assert CliRunner().invoke(app, ["--folder", "a", "--name", "c", "d"]).exit_code == 2
