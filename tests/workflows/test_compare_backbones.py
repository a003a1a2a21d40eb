import json
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from interruptions import assert_same_results, run_through_kills
from PIL import Image
from tiny_cases import write_case
from typer.testing import CliRunner

from infnet_monai.comparison.examples import load_example
from infnet_monai.comparison.results import key_metric
from infnet_monai.metrics import select_metrics

SCRIPT = Path(__file__).parents[2] / "workflows" / "compare_backbones.py"
BUNDLES = ("infnet_vgg16", "infnet_efficientnet_lite0")
SMALL = ("image_size=[32,32]", "pretrained=false", "amp=false", "batch_size=8", "lung_crop=false")


@pytest.fixture(scope="module")
def run():
    app = runpy.run_path(str(SCRIPT))["app"]
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def own_sigterm():
    """What SIGTERM does is restored after the test."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Folder of a tiny data set, and the folder for a comparison."""
    data = tmp_path_factory.mktemp("data")
    cases = [write_case(data, f"case_{k}", seed=k) for k in range(4)]
    datalist = {"training": cases[:2], "validation": cases[2:3], "test": cases[3:]}
    (data / "dataset.json").write_text(json.dumps(datalist))
    return data, data.parent / "comparison"


@pytest.fixture(scope="module")
def arguments(places):
    data, output = places
    return (
        *("--dataset_dir", data, "--output_dir", output, "--bundles", *BUNDLES),
        *("--epochs", 2, "--seeds", 0, "--override", *SMALL),
    )


@pytest.fixture(scope="module")
def comparison(run, places, arguments):
    """Two bundles, trained for two epochs and evaluated in processes of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # tiny tensors: more threads only wait for each other
        result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result, places[1]


def summary(output, bundle):
    return json.loads((output / "runs" / bundle / "seed_0" / "test" / "summary.json").read_text())


@pytest.mark.slow
def test_table_has_the_values_of_the_summaries(comparison):
    _, output = comparison
    table = pd.read_csv(output / "table.csv").set_index("network")
    for bundle in BUNDLES:
        columns = [metric.column for metric in select_metrics(printed=True)]
        values = [summary(output, bundle)["key_metrics"][key_metric(name)] for name in columns]
        expected = {name: np.nan if value is None else value for name, value in zip(columns, values, strict=True)}
        assert table.loc[bundle, columns].to_dict() == pytest.approx(expected, nan_ok=True)
        per_slice = pd.read_csv(output / "runs" / bundle / "seed_0" / "test" / "slices.csv")
        means = {name: per_slice[name].mean() for name in columns if name.startswith("paper_")}
        assert table.loc[bundle, list(means)].to_dict() == pytest.approx(means, abs=1e-6)


@pytest.mark.slow
def test_best_of_both_is_bold_in_every_table(comparison):
    _, output = comparison
    dice = {bundle: summary(output, bundle)["key_metrics"]["val_paper_mean_dice"] for bundle in BUNDLES}
    error = {bundle: summary(output, bundle)["key_metrics"]["val_paper_mae"] for bundle in BUNDLES}
    best, smallest = max(dice, key=dice.get), min(error, key=error.get)
    markdown, latex, page = ((output / f"{name}").read_text() for name in ("table.md", "table.tex", "index.html"))
    rows = {line.split(" | ")[0].lstrip("| "): line for line in reversed(markdown.splitlines()) if line.startswith("|")}
    assert f"**{dice[best]:.3f}**" in rows[best]
    assert rows[smallest].endswith(f"**{error[smallest]:.3f}** |")
    assert rf"\textbf{{{dice[best]:.3f}}}" in latex
    assert f"<strong>{dice[best]:.3f}</strong>" in page
    assert "| VGG16 | Yildizhan (2020) | not stated | 0.733 | 0.699 | 0.966 | 0.782 | 0.893 | 0.063 |" in markdown


@pytest.mark.slow
def test_pictures_are_not_blank(comparison):
    _, output = comparison
    page = (output / "index.html").read_text()
    for name in ("learning_curves", "figure5_examples", "figure6_masks"):
        pixels = np.asarray(Image.open(output / f"{name}.png").convert("L"))
        assert len(np.unique(pixels)) > 20, name
        assert pixels.std() > 20, name
    assert page.count("data:image/png;base64,") == 3


@pytest.mark.slow
def test_examples_show_the_same_slice_with_each_bundles_mask(comparison):
    _, output = comparison
    examples = [
        load_example(output / "runs" / bundle / "seed_0" / "test" / "examples" / "case_3.npz") for bundle in BUNDLES
    ]
    assert [example.name for example in examples] == ["case_3, slice 2"] * 2
    assert np.array_equal(examples[0].reference, examples[1].reference)
    assert examples[0].reference.sum() == 12 * 16


@pytest.mark.slow
def test_says_what_it_wrote(comparison):
    result, output = comparison
    written = [Path(line.removeprefix("Wrote ")) for line in result.output.splitlines() if line.startswith("Wrote ")]
    assert {path.name for path in written} == {
        *("table.md", "table.tex", "table.csv", "runs.csv", "index.html"),
        *("learning_curves.png", "figure5_examples.png", "figure6_masks.png"),
    }
    assert all(path.is_file() for path in written)
    assert "all finished" in (output / "index.html").read_text()
    for bundle in BUNDLES:
        models = output / "runs" / bundle / "seed_0" / "models"
        assert [path.name for path in models.iterdir()] == ["model.pt"]  # the state for resuming is gone


@pytest.mark.slow
def test_second_call_trains_nothing_and_other_options_are_refused(comparison, run, arguments, monkeypatch):
    monkeypatch.setattr("infnet_monai.training.child.run_child", None)
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    refused = run(*arguments, "batch_size=4")
    assert refused.exit_code == 1
    assert "batch_size: 8 then, 4 now" in refused.output
    assert "Traceback" not in refused.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--bundles", "vgg17"), "bundle vgg17: unknown"),
        (("--baselines", "unet", "trans"), "baseline 'trans'"),
        (("--seeds", "0", "0"), "seeds 0, 0"),
        (("--override", "imagesize=[8,8]"), "did you mean image_size"),
        (("--override", "amp=true", "seed=3"), "give --seeds"),
        (("--overlay", "none.json"), "none.json: no such file"),
        (("--folds", "9"), "folds 9: expected 2 to 3"),
    ],
)
def test_wrong_options_are_one_line(run, places, tmp_path, words, message):
    result = run("--dataset-dir", places[0], "--output-dir", tmp_path / "out", *words)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_values_may_follow_one_option_or_several(run, places, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("infnet_monai.comparison.compare.plan_runs", lambda options: seen.append(options) or 1 / 0)
    output = ("--dataset-dir", places[0], "--output-dir", tmp_path)
    run(*output, "--seeds", 0, 1, "--bundles=vgg16", "resnet50", "--seeds", 5, "--baselines", "unet")
    run(*output, "--baselines", "unet", "attentionunet")
    run(*output)
    assert seen[0].seeds == (0, 1, 5)
    names = [[method.name for method in options.methods] for options in seen]
    assert names[:2] == [["infnet_vgg16", "infnet_resnet50", "unet"], ["unet", "attentionunet"]]
    assert len(names[2]) == 7


@pytest.mark.usefixtures("own_sigterm")
def test_sigterm_ends_it_like_ctrl_c(run, places, tmp_path, monkeypatch):
    def terminate(*_):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("infnet_monai.training.child.run_child", terminate)
    result = run("--dataset-dir", places[0], "--output-dir", tmp_path / "out", "--bundles", "vgg16")
    assert result.exit_code == 130
    assert "Interrupted. Run the same command again to resume." in result.output
    assert "Traceback" not in result.output


def test_failed_runs_end_with_status_1(run, places, tmp_path, monkeypatch):
    def fail(command, log, poll, lock):
        log.write_text("\n$ command\nError: no memory\n")
        return 1

    monkeypatch.setattr("infnet_monai.training.child.run_child", fail)
    result = run("--dataset-dir", places[0], "--output-dir", tmp_path / "out", "--bundles", "vgg16")
    assert result.exit_code == 1
    assert "none of 1 runs is finished; the first: training ended with status 1: no memory" in result.output


def test_output_that_cannot_be_written_is_one_line(run, places, tmp_path):
    (tmp_path / "file").touch()
    result = run("--dataset-dir", places[0], "--output-dir", tmp_path / "file" / "out")
    assert result.exit_code == 1
    assert "Not a directory" in result.output
    assert "Traceback" not in result.output


def test_script_ends_with_status_1_and_no_traceback(tmp_path):
    finished = subprocess.run(
        [sys.executable, SCRIPT, "--dataset_dir", tmp_path / "nowhere", "--output_dir", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "nowhere: no such folder" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.slow
def test_killed_comparison_ends_as_an_undisturbed_one(comparison, places, arguments, tmp_path):
    _, undisturbed = comparison
    output = tmp_path / "out"
    run_through_kills(SCRIPT, (*arguments, "--output-dir", output), output, seed=1)
    models = [f"runs/{bundle}/seed_0/models/model.pt" for bundle in BUNDLES]
    assert_same_results(output, undisturbed, ["table.csv", "runs.csv"], models)
