"""Everything is a command of ``infnet``, with one style of options and answers that programs can read."""

import json
import shlex
import subprocess
import sys

import numpy as np
import pytest
from killed_segmenting import write_band_bundle, write_scans
from summarised_folder import write_summarised_folder
from typer.testing import CliRunner
from written_masks import hand_worked_masks, write_mask, write_segmented

from infnet_monai import __version__
from infnet_monai.cli import app
from infnet_monai.cli.train import option_pairs
from infnet_monai.errors import InputError

COMMANDS = ["segment", "scans", "summarise", "prepare", "train", "evaluate", "evaluate-maps", "compare", "propagate"]
COMMANDS += ["label-server", "convert-weights", "version"]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_listed_and_shows_an_example(command):
    assert f" {command} " in run("--help").output
    shown = run(command, "--help")
    assert shown.exit_code == 0
    assert f"Example: infnet {command}" in shown.output


def test_python_m_is_the_same_command():
    done = subprocess.run([sys.executable, "-m", "infnet_monai", "version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{__version__}\n"


@pytest.mark.parametrize("lesion_free", ["--lesion-free", "--lesion_free"])
def test_hyphens_and_underscores_are_the_same_also_for_several_values(tmp_path, lesion_free):
    prediction, _, lungs = hand_worked_masks()
    for name in ("healthy_1", "healthy_2"):
        write_segmented(tmp_path / "out", name, prediction, lungs)
    done = run(
        "evaluate", "--pred", tmp_path / "out", lesion_free, "healthy_1", "healthy_2", "-o", tmp_path / "results"
    )
    assert done.exit_code == 0, done.output
    assert "Scans without lesions: 2" in done.output


def test_version_as_json_names_the_packages_that_decide_results():
    answer = json.loads(run("version", "--json").stdout)
    assert answer["infnet_monai"] == __version__
    assert {"python", "torch", "monai"} <= answer.keys()


def test_scans_as_json_are_the_rows_of_the_table(tmp_path):
    (tmp_path / "broken.nii").write_bytes(b"no scan")
    done = run("scans", tmp_path, "--json", "--csv", tmp_path / "new" / "scans.csv")
    (row,) = json.loads(done.stdout)["scans"]
    assert (row["name"], row["state"], row["codes"]) == ("broken", "refused", "unreadable")
    assert done.stderr == f"wrote {tmp_path / 'new' / 'scans.csv'}\n"


def test_a_summary_as_json_says_what_became_of_each_scan(tmp_path):
    write_summarised_folder(tmp_path, ["ct_1", "ct_2"])
    answer = json.loads(run("summarise", tmp_path, "--json", "--no-report").stdout)
    assert answer["scans"] == {"ct_1": "done", "ct_2": "done"}
    assert answer["models"] == ["infnet_vgg16 0.1.0"]
    assert answer["files"] == [str(tmp_path / "statistics.csv"), str(tmp_path / "run.json")]


def test_segmented_scans_as_json_are_all_that_is_on_the_standard_output(tmp_path):
    bundle, scans = write_band_bundle(tmp_path / "bundle"), write_scans(tmp_path / "scans", 1)
    (scans / "broken.nii").write_bytes(b"no scan")
    done = run("segment", scans, "-o", tmp_path / "out", "--bundle", bundle, "--no-report", "--device", "cpu", "--json")
    assert done.exit_code == 1  # as without --json
    answer = json.loads(done.stdout)
    recorded = json.loads((tmp_path / "out" / "chest_0.json").read_text())
    assert answer["scans"]["chest_0"]["statistics"] == recorded["statistics"]
    assert "cannot be read" in answer["failures"]["broken"]


def test_an_evaluation_as_json_is_its_summary(tmp_path):
    prediction, reference, lungs = hand_worked_masks()
    write_segmented(tmp_path / "out", "ct_1", prediction, lungs)
    write_mask(tmp_path / "labels", "ct_1", reference)
    write_mask(tmp_path / "labels", "ct_2", np.ones_like(reference))
    results = tmp_path / "results"
    done = run("evaluate", "--pred", tmp_path / "out", "--gt", tmp_path / "labels", "-o", results, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == json.loads((results / "summary.json").read_text())


@pytest.fixture
def started(monkeypatch):
    """The commands that take the place of the process."""
    commands = []
    monkeypatch.setattr("os.execv", lambda program, command: commands.append(command))
    return commands


def test_train_prints_and_runs_the_command_of_monai(started, tmp_path):
    options = ["--dataset_dir", tmp_path, "--learning-rate", "0.001", "--image_size=[64,64]", "epochs=5"]
    done = run("train", "vgg16", "--overlay", "train_best.json", *options)
    assert done.exit_code == 0, done.output
    (command,) = started
    assert done.output == f"$ {shlex.join(command)}\n"
    assert command[:5] == [sys.executable, "-m", "monai.bundle", "run", "training"]
    assert command[6].count("configs/train") == 2
    given = dict(zip(command[7::2], command[8::2], strict=True))
    assert given["--learning_rate"] == "0.001"
    assert given["--image_size"] == "[64,64]"
    assert given["--epochs"] == "5"
    assert given["--dataset_dir"] == str(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vgg17"], "bundle vgg17: unknown"),
        (["vgg16", "--imagesize", "[8,8]"], "did you mean image_size"),
        (["vgg16", "--epochs"], "--epochs: has no name or no value; expected options of the bundle after its name"),
        (["vgg16", "5"], "5: has no name or no value"),
        (["vgg16", "--overlay", "none.json"], "none.json: no such file"),
        (["--epochs", "5", "vgg16"], "--epochs: give the bundle first, as infnet train vgg16 --epochs ..."),
    ],
)
def test_train_refuses_what_the_bundle_does_not_have_in_one_line(started, arguments, message):
    done = run("train", *arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert started == []


def test_values_of_a_bundles_options_may_be_negative_or_hold_an_equals_sign():
    assert option_pairs(["--shift", "-1", "--note=a=b"]) == {"shift": "-1", "note": "a=b"}
    with pytest.raises(InputError, match="no value"):
        option_pairs(["--epochs", "5", "--seed"])
