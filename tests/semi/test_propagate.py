import json
import logging
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_semi import TINY, write_weights

from infnet_monai.data import load_datalist
from infnet_monai.errors import InputError
from infnet_monai.semi.propagate import propagate_labels


@pytest.fixture
def trainings(monkeypatch):
    """Folders and commands of the child processes, which leave an untrained model behind."""
    seen = []

    def run_child(command, log, poll, lock):
        folder = log.parent
        seen.append((folder.name, command))
        for name in ("models", "training"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        write_weights(folder / "models" / "model.pt")
        (folder / "training" / "run.json").write_text("{}")
        return 0

    monkeypatch.setattr("infnet_monai.training.child.run_child", run_child)
    return seen


def value(command, name):
    return command[command.index(name) + 1]


def config(options, stage):
    return json.loads((options().output_dir / stage / "config.json").read_text())


def test_stages_follow_each_other(options, trainings):
    propagation = propagate_labels(options(weights=None, epochs=4, fine_tune_epochs=2, fine_tune_learning_rate=0.01))
    assert [name for name, _ in trainings] == ["start", "pseudo", "final"]
    start, pseudo, final = (command for _, command in trainings)
    output_dir, labelled = options().output_dir, str(options().dataset_dir)
    assert [value(command, "--dataset_dir") for command in (start, pseudo, final)] == [
        labelled,
        str(output_dir),
        labelled,
    ]
    assert value(final, "--init_weights") == str(output_dir / "pseudo" / "models" / "model.pt")
    assert "--init_weights" not in start + pseudo
    assert [config(options, name)["epochs"] for name in ("start", "pseudo", "final")] == [4, 4, 2]
    assert [config(options, name)["learning_rate"] for name in ("start", "pseudo", "final")] == [0.3, 0.3, 0.01]
    assert config(options, "final")["pretrained"] is False
    assert [path.relative_to(output_dir).as_posix() for path in propagation.files] == [
        *("dataset.json", "rounds.csv", "contact_sheet.png", "rounds/model.pt"),
        *("pseudo/models/model.pt", "final/models/model.pt"),
    ]
    assert all(path.is_file() for path in propagation.files)


def test_given_weights_take_the_place_of_the_first_training(options, trainings):
    propagate_labels(options())
    assert [name for name, _ in trainings] == ["pseudo", "final"]
    assert len(load_datalist(options().output_dir, "training")) == 6
    assert config(options, "final")["learning_rate"] == 0.3


def test_nothing_is_done_twice(options, trainings, caplog):
    caplog.set_level(logging.INFO)
    propagate_labels(options(weights=None))
    trainings.clear()
    propagate_labels(options(weights=None))
    assert trainings == []
    for stage in ("Training on labelled slices", "Propagating labels", "Fine-tuning on labelled slices"):
        assert f"{stage}: finished before." in caplog.text


def test_later_stages_take_other_options_once_their_folder_is_removed(options, trainings):
    propagate_labels(options())
    with pytest.raises(InputError, match=r"final: was run with other options \(learning_rate: 0.3 then, 0.01 now"):
        propagate_labels(options(fine_tune_learning_rate=0.01))
    shutil.rmtree(options().output_dir / "final")
    trainings.clear()
    propagate_labels(options(fine_tune_learning_rate=0.01))
    assert [name for name, _ in trainings] == ["final"]


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"group_size": 3}, "group_size: 2 then, 3 now"),
        ({"seed": 1}, "seed: 0 then, 1 now"),
        ({"threshold": 0.4}, "threshold: 0.5 then, 0.4 now"),
        ({"iterations": 1}, "iterations: 3 then, 1 now"),
        ({"axes": ["LA"]}, "axes: "),
        ({"overrides": {**TINY, "image_size": [64, 64]}}, "image_size"),
    ],
)
def test_rounds_of_other_options_are_refused(options, trainings, changes, difference):
    propagate_labels(options())
    with pytest.raises(InputError, match=f"rounds: was run with other options .*{difference}"):
        propagate_labels(options(**changes))


def test_changed_pictures_and_labels_are_noticed(options, trainings):
    propagate_labels(options())
    label = options().output_dir / "labels" / "slice_0.png"
    Image.fromarray(255 - np.asarray(Image.open(label))).save(label)
    with pytest.raises(InputError, match=r"pseudo: was run with other options .*labels_sha256"):
        propagate_labels(options())
    picture = options().unlabelled_dir / "slice_0.png"
    Image.fromarray(np.asarray(Image.open(picture)) // 2).save(picture)
    with pytest.raises(InputError, match=r"rounds: was run with other options .*pictures_sha256"):
        propagate_labels(options())


def test_labels_that_are_all_empty_end_before_the_training(options, trainings):
    with pytest.raises(InputError, match="none of the 6 pseudo labels holds a lesion"):
        propagate_labels(options(threshold=0.99999, overrides={**TINY, "learning_rate": 1e-6}))
    assert trainings == []


def test_missing_weights_and_foreign_folders_are_refused_at_once(options, trainings, tmp_path):
    with pytest.raises(InputError, match=r"none\.pt: no such weights; give the model\.pt of a trained bundle"):
        propagate_labels(options(weights=tmp_path / "none.pt"))
    assert not options().output_dir.exists()
    options().output_dir.mkdir()
    (options().output_dir / "dataset.json").write_text("mine")
    with pytest.raises(InputError, match="not the folder of a propagation"):
        propagate_labels(options())
    assert (options().output_dir / "dataset.json").read_text() == "mine"
    assert trainings == []
