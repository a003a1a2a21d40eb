import sys
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigWorkflow
from monai.handlers import CheckpointLoader
from torch import nn

from infnet_monai.bundle import TrainingRun
from infnet_monai.errors import InputError, find_input_error
from infnet_monai.stage import hold_lock

ROOT = Path(__file__).parents[2]
TRAIN = ROOT / "bundles" / "infnet_efficientnet_lite0" / "configs" / "train.json"


@pytest.fixture(autouse=True)
def _keep_excepthook(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


@pytest.fixture
def weights(tmp_path):
    torch.save(nn.Linear(2, 1).state_dict(), tmp_path / "model.pt")
    return tmp_path / "model.pt"


@pytest.fixture
def make_run(tmp_path):
    """Make the run of a training in a folder of its own; its locks are freed in the end."""
    runs = []

    def make(**values):
        places = {"bundle_root": tmp_path, "ckpt_dir": tmp_path / "models", "output_dir": tmp_path / "eval"}
        runs.append(TrainingRun(**{**places, **values}))
        return runs[-1]

    yield make
    for run in runs:
        run.close()


def test_network_gets_the_weights(make_run, weights):
    network = nn.Linear(2, 1)
    make_run(init_weights=weights).load_init_weights(network)
    assert torch.equal(network.weight, torch.load(weights, weights_only=True)["weight"])


def test_without_weights_and_when_resumed_the_network_stays(make_run, weights):
    network = nn.Linear(2, 1)
    before = network.weight.clone()
    make_run().load_init_weights(network)
    make_run(init_weights=weights, resume="true").load_init_weights(network)
    assert torch.equal(network.weight, before)


def test_weights_of_another_network_are_refused(make_run, weights):
    with pytest.raises(InputError, match=r"model\.pt: not the weights of this network"):
        make_run(init_weights=weights).load_init_weights(nn.Linear(3, 1))


def test_only_weights_of_a_whole_network_count_as_trained(make_run, weights):
    loader = CheckpointLoader(str(weights), {"model": nn.Linear(2, 1)})
    assert not make_run().trained_before([])
    assert make_run(init_weights=weights).trained_before([])
    assert make_run().trained_before([loader])


def test_resume_auto_takes_up_what_there_is(make_run, tmp_path, caplog):
    caplog.set_level("INFO")
    first = make_run(resume="auto")
    assert not first.resuming
    first.start()
    assert "last.pth: does not exist, starting from the beginning." in caplog.text
    (tmp_path / "models" / "last.pth").touch()
    assert make_run(resume="auto").resuming
    assert make_run(resume=True).resuming
    assert not make_run(resume="false").resuming


def test_other_values_of_resume_are_refused(make_run):
    with pytest.raises(InputError, match="resume 'yes': expected true, false or auto"):
        make_run(resume="yes").start()


def test_a_second_training_in_the_folder_is_refused_in_one_line(make_run, tmp_path):
    with hold_lock(tmp_path / "models" / ".training.lock"), pytest.raises(InputError, match="works there") as caught:
        make_run().start()
    assert "\n" not in str(caught.value)
    make_run().start()


def test_one_process_may_start_again_and_frees_the_folder_in_the_end(make_run, tmp_path):
    make_run().start()
    run = make_run()
    run.start()
    run.close()
    with hold_lock(tmp_path / "models" / ".training.lock"):
        pass


def test_drafts_of_a_killed_training_are_removed_and_its_files_backed_up(make_run, tmp_path):
    (tmp_path / "models").mkdir()
    for name in (".123-last.pth", ".123-model.pt", "model.pt", "last.pth"):
        (tmp_path / "models" / name).write_text(name)
    make_run().start()
    models = {path.relative_to(tmp_path / "models").as_posix() for path in (tmp_path / "models").rglob("*")}
    (earlier,) = (tmp_path / "models").glob("earlier-*")
    kept = {"model.pt", "last.pth", ".training.lock"}
    assert models == kept | {earlier.name, f"{earlier.name}/model.pt", f"{earlier.name}/last.pth"}


def started(tiny_dataset, folder, **overrides):
    """A bundle's training, ready to run."""
    places = {"ckpt_dir": str(folder / "models"), "output_dir": str(folder / "eval"), "dataset_dir": str(tiny_dataset)}
    small = {"image_size": [32, 32], "pretrained": False, "amp": False, "lung_crop": False}
    workflow = ConfigWorkflow(str(TRAIN), workflow_type="train", **places, **small, **overrides)
    workflow.initialize()
    return workflow


def test_a_bundle_starts_from_a_whole_model(tiny_dataset, tmp_path):
    first = started(tiny_dataset, tmp_path / "first", seed=1)
    state = first.parser.get_parsed_content("network").state_dict()
    torch.save(state, tmp_path / "whole.pt")
    second = started(tiny_dataset, tmp_path / "second", seed=2, init_weights=str(tmp_path / "whole.pt"))
    network = second.parser.get_parsed_content("network")
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_missing_weights_end_a_bundle_at_once(tiny_dataset, tmp_path):
    with pytest.raises(Exception, match=r".+") as caught:
        started(tiny_dataset, tmp_path, init_weights=str(tmp_path / "none.pt"))
    assert "none.pt: no such weights" in str(find_input_error(caught.value))
