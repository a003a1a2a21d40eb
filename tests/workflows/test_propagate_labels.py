import json
import os
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from interruptions import assert_same_results, run_through_kills
from PIL import Image
from typer.testing import CliRunner

from infnet_monai.networks import InfNet

SCRIPT = Path(__file__).parents[2] / "workflows" / "propagate_labels.py"
SMALL = ("image_size=[32,32]", "pretrained=false", "amp=false", "batch_size=4", "device=cpu")


@pytest.fixture(scope="module")
def run():
    app = runpy.run_path(str(SCRIPT))["app"]
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def write_picture(path, seed, marker=False):
    """Noise with a bright box; with a marker, the box as a mask."""
    rng = np.random.default_rng(seed)
    pixels, mask = rng.integers(0, 90, (44, 36)), np.zeros((44, 36), bool)
    mask[5:20, 8:26] = True
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((255 * mask if marker else pixels + 120 * mask).astype(np.uint8)).save(path)


@pytest.fixture
def own_sigterm():
    """What SIGTERM does is restored after the test."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Folder of four labelled slices, one of six unlabelled ones, and a model."""
    root = tmp_path_factory.mktemp("semi")
    for seed in range(4):
        write_picture(root / "data" / "images" / f"{seed}.png", seed)
        write_picture(root / "data" / "labels" / f"{seed}.png", seed, marker=True)
    items = [{"image": f"images/{k}.png", "label": f"labels/{k}.png", "axes": "LP"} for k in range(4)]
    (root / "data" / "dataset.json").write_text(json.dumps({"training": items[:3], "validation": items[3:]}))
    for seed in range(10, 16):
        write_picture(root / "unlabelled" / f"{seed}.png", seed)
    torch.manual_seed(0)
    torch.save(InfNet("efficientnet_lite0").state_dict(), root / "model.pt")
    return root


@pytest.fixture(scope="module")
def arguments(places):
    overrides = [word for pair in SMALL for word in ("--override", pair)]
    return (
        *("--dataset-dir", places / "data", "--unlabelled", places / "unlabelled", "--output-dir", places / "out"),
        *("--bundle", "efficientnet_lite0", "--weights", places / "model.pt", "--epochs", 2, "--fine-tune-epochs", 1),
        # An untrained network is sure of nothing: so that its labels hold something.
        *("--group-size", 2, "--iterations", 1, "--threshold", 0.05, *overrides),
    )


@pytest.fixture(scope="module")
def propagation(run, places, arguments):
    """Six slices labelled in three rounds, and two trainings in processes of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # tiny tensors: more threads only wait for each other
        result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result, places / "out"


def test_says_what_it_wrote(propagation):
    result, output = propagation
    written = [Path(line) for line in re.findall(r"Wrote (.+)", result.output)]
    assert [path.relative_to(output).as_posix() for path in written] == [
        *("dataset.json", "rounds.csv", "contact_sheet.png"),
        *("rounds/model.pt", "pseudo/models/model.pt", "final/models/model.pt"),
    ]
    assert all(path.is_file() for path in written)


def test_labels_are_as_large_as_their_pictures(propagation, places):
    _, output = propagation
    for picture in (places / "unlabelled").iterdir():
        label = Image.open(output / "labels" / picture.name)
        assert label.size == Image.open(picture).size
        assert set(np.unique(np.asarray(label))) <= {0, 255}


def test_a_model_is_trained_on_the_pseudo_labels_and_fine_tuned(propagation, places):
    _, output = propagation
    pseudo, final = (
        json.loads((output / stage / "training" / "run.json").read_text()) for stage in ("pseudo", "final")
    )
    assert sorted(Path(image).name for image in pseudo["training"]) == [f"{k}.png" for k in range(10, 16)]
    assert [Path(image).name for image in final["training"]] == ["0.png", "1.png", "2.png"]
    assert (pseudo["epochs"], final["epochs"]) == (2, 1)
    assert (pseudo["init_weights"], final["init_weights"]) == (None, str(output / "pseudo" / "models" / "model.pt"))
    states = [torch.load(output / stage / "models" / "model.pt", weights_only=True) for stage in ("pseudo", "final")]
    assert states[0].keys() == states[1].keys()
    assert not list(output.rglob("*.pth"))


def test_second_call_does_nothing_and_other_options_are_refused(propagation, run, arguments, monkeypatch):
    monkeypatch.setattr("infnet_monai.training.child.run_child", None)
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    refused = run(*arguments, "--override", "batch_size=2")
    assert refused.exit_code == 1
    assert "batch_size: 4 then, 2 now" in refused.output
    assert "Traceback" not in refused.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--bundle", "vgg17"), "bundle vgg17: unknown"),
        (("--weights", "none.pt"), "none.pt: no such weights"),
        (("--override", "imagesize=[8,8]"), "did you mean image_size"),
        (("--override", "seed=3"), "give --seed"),
        (("--axes", "*corona*=LA"), "axes '*corona*=LA': no picture has such a name"),
        (("--axes", "XY"), "axes='XY': expected two letters"),
        (("--group-size", "0"), "group_size 0"),
        (("--overlay", "none.json"), "none.json: no such file"),
    ],
)
def test_wrong_options_are_one_line(run, places, tmp_path, words, message):
    data = ("--dataset-dir", places / "data", "--unlabelled", places / "unlabelled")
    result = run(*data, "--output-dir", tmp_path / "out", *words)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("own_sigterm")
def test_sigterm_ends_it_like_ctrl_c(run, arguments, tmp_path, monkeypatch):
    def terminate(*_):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("infnet_monai.semi.fine_tuner.FineTuner.run", terminate)
    result = run(*arguments, "--output-dir", tmp_path / "out")
    assert result.exit_code == 130
    assert "Interrupted. Run the same command again to resume." in result.output
    assert "Traceback" not in result.output


def test_a_failed_training_ends_with_status_1(run, places, tmp_path, monkeypatch):
    def fail(command, log, poll, lock):
        log.write_text("\n$ command\nError: no memory\n")
        return 1

    monkeypatch.setattr("infnet_monai.training.child.run_child", fail)
    data = ("--dataset-dir", places / "data", "--unlabelled", places / "unlabelled")
    result = run(*data, "--output-dir", tmp_path / "out")
    assert result.exit_code == 1
    assert "Training on labelled slices: training ended with status 1: no memory" in result.output


def test_output_that_cannot_be_written_is_one_line(run, arguments, tmp_path):
    (tmp_path / "file").touch()
    result = run(*arguments, "--output-dir", tmp_path / "file" / "out")
    assert result.exit_code == 1
    assert "Not a directory" in result.output
    assert "Traceback" not in result.output


def test_script_ends_with_status_1_and_no_traceback(places, tmp_path):
    (tmp_path / "empty").mkdir()
    words = ("--dataset_dir", places / "data", "--unlabelled", tmp_path / "empty", "--output_dir", tmp_path / "out")
    finished = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "empty: is empty; expected unlabelled slices as" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.slow
def test_killed_propagation_ends_as_an_undisturbed_one(propagation, arguments, tmp_path):
    _, undisturbed = propagation
    output = tmp_path / "out"
    run_through_kills(SCRIPT, (*arguments, "--output-dir", output), output, seed=2)
    models = [f"{stage}/model.pt" for stage in ("rounds", "pseudo/models", "final/models")]
    assert_same_results(output, undisturbed, ["rounds.csv"], models, times=["seconds"])
    for label in (undisturbed / "labels").iterdir():
        assert np.array_equal(np.asarray(Image.open(output / "labels" / label.name)), np.asarray(Image.open(label)))
