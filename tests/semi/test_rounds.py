import json
import logging
import math
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from infnet_monai.errors import InputError
from infnet_monai.semi import rounds as rounds_module
from infnet_monai.semi.fine_tuner import FineTuner
from infnet_monai.semi.pseudo_labels import pseudo_item
from infnet_monai.semi.rounds import Rounds, complete_rounds
from infnet_monai.semi.unlabelled import deal_groups, find_unlabelled
from infnet_monai.stage import hold_lock


@pytest.fixture
def make_rounds(options, tmp_path):
    """Make three rounds of two slices each, writing to a folder of a name."""

    def make(name="out", **changes):
        settings = options(output_dir=tmp_path / name, **changes)
        items = [pseudo_item(path, "LP", settings.output_dir) for path in find_unlabelled(settings.unlabelled_dir)]
        groups = deal_groups(items, settings.group_size, settings.seed)
        return Rounds(settings, groups, settings.weights)

    return make


def labels(rounds):
    """Pixels of all pseudo labels by name."""
    folder = rounds.options.output_dir / "labels"
    return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.iterdir())}


def model(rounds):
    return {name: float(value) for name, value in torch.load(rounds.model, weights_only=True).items()}


def interrupt_round(monkeypatch, number):
    """Let a round be interrupted after its slices have been labelled."""
    run, calls = FineTuner.run, []

    def interrupted(self, seed):
        calls.append(seed)
        if len(calls) == number:
            raise KeyboardInterrupt
        return run(self, seed)

    monkeypatch.setattr(FineTuner, "run", interrupted)
    return calls


def test_every_slice_gets_a_label_of_its_size(make_rounds):
    rounds = make_rounds()
    complete_rounds(rounds)
    assert {name: label.shape for name, label in labels(rounds).items()} == {
        f"slice_{k}.png": (40, 32) for k in range(6)
    }
    fractions = [(label > 0).mean() for label in labels(rounds).values()]
    assert 0.02 < min(fractions) <= max(fractions) < 0.9
    table = pd.read_csv(rounds.options.output_dir / "rounds.csv")
    assert table["round"].tolist() == [1, 2, 3]
    assert table["labelled"].tolist() == [2, 2, 2]
    assert table["trained_on"].tolist() == [5, 7, 9]
    assert table["lesion_percent"].mean() == pytest.approx(100 * np.mean(fractions), abs=1e-3)
    listed = json.loads((rounds.options.output_dir / "dataset.json").read_text())["training"]
    assert [item["image"] for item in listed] == [item["image"] for group in rounds.groups for item in group]
    assert (rounds.options.output_dir / "contact_sheet.png").stat().st_size > 5000
    assert model(rounds)["weight"] != 3.0
    assert not rounds.state.exists()


def test_each_group_is_predicted_by_the_model_of_its_round(make_rounds):
    rounds = make_rounds(iterations=20)
    complete_rounds(rounds)
    first, last = ([Path(item["label"]).name for item in rounds.groups[k]] for k in (0, 2))
    alike = make_rounds("alike", iterations=1, round_learning_rate=1e-9)  # its model stays as it was
    complete_rounds(alike)
    assert all(np.array_equal(labels(rounds)[name], labels(alike)[name]) for name in first)
    assert not any(np.array_equal(labels(rounds)[name], labels(alike)[name]) for name in last)


@pytest.mark.parametrize("interval_s", [0, math.inf], ids=["saved each round", "not saved yet"])
@pytest.mark.parametrize("number", [1, 3])
def test_interrupted_rounds_end_as_uninterrupted_ones(make_rounds, monkeypatch, interval_s, number):
    whole, rounds = make_rounds("whole"), make_rounds()
    complete_rounds(whole)
    monkeypatch.setattr(rounds_module, "SAVE_INTERVAL_S", interval_s)
    with monkeypatch.context() as patch:
        interrupt_round(patch, number)
        with pytest.raises(KeyboardInterrupt):
            complete_rounds(rounds)
    assert not rounds.record.exists()
    assert rounds.state.exists() == (interval_s == 0 and number > 1)
    with monkeypatch.context() as patch:
        seeds = interrupt_round(patch, 0)
        complete_rounds(rounds)
    assert seeds == ([3] if rounds_saved(interval_s, number) else [1, 2, 3])
    for name, label in labels(whole).items():
        assert np.array_equal(label, labels(rounds)[name]), name
    assert model(rounds) == model(whole)
    tables = [pd.read_csv(one.options.output_dir / "rounds.csv").drop(columns="seconds") for one in (whole, rounds)]
    pd.testing.assert_frame_equal(*tables)


def rounds_saved(interval_s, number):
    return interval_s == 0 and number == 3


def test_finished_rounds_are_left_alone(make_rounds, monkeypatch):
    rounds = make_rounds()
    complete_rounds(rounds)
    monkeypatch.setattr(rounds_module, "FineTuner", None)
    complete_rounds(rounds)


def test_seed_decides_the_labels(make_rounds):
    one, other = make_rounds(), make_rounds("other", seed=5)
    assert one.groups[0][0]["image"] != other.groups[0][0]["image"]
    complete_rounds(one)
    complete_rounds(other)
    assert model(one) != model(other)


def test_damaged_state_is_named(make_rounds):
    rounds = make_rounds()
    rounds.folder.mkdir(parents=True)
    rounds.state.write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"state\.pth: cannot be resumed from .*; remove .*rounds to start"):
        complete_rounds(rounds)


def test_rounds_killed_before_their_model_is_written_label_nothing_again(make_rounds, monkeypatch):
    whole, rounds = make_rounds("whole"), make_rounds()
    complete_rounds(whole)
    save = rounds_module.save_atomically

    def killed(content, path):
        if path == rounds.model:
            raise KeyboardInterrupt
        save(content, path)

    with monkeypatch.context() as patch:
        patch.setattr(rounds_module, "save_atomically", killed)
        with pytest.raises(KeyboardInterrupt):
            complete_rounds(rounds)
    seeds = interrupt_round(monkeypatch, 0)
    complete_rounds(rounds)
    assert seeds == []
    assert model(rounds) == model(whole)


@pytest.mark.parametrize("content", ["", '{"rounds": '])
def test_damaged_record_means_unfinished(make_rounds, content):
    rounds = make_rounds()
    complete_rounds(rounds)
    before = model(rounds)
    rounds.record.write_text(content)
    complete_rounds(rounds)
    assert json.loads(rounds.record.read_text())["rounds"] == 3
    assert model(rounds) == before


def test_state_left_by_a_kill_after_the_record_is_removed(make_rounds):
    rounds = make_rounds()
    complete_rounds(rounds)
    drafts = [rounds.folder / ".12-state.pth", rounds.options.output_dir / "labels" / ".12-slice_0.png"]
    for leftover in (rounds.state, *drafts):
        leftover.write_bytes(b"half")
    complete_rounds(rounds)
    assert not any(leftover.exists() for leftover in (rounds.state, *drafts))


def test_other_options_are_refused_once_a_state_is_saved(make_rounds):
    rounds, other = make_rounds(), make_rounds(threshold=0.4)
    rounds.folder.mkdir(parents=True)
    (rounds.folder / "config.json").write_text(json.dumps(rounds.config))
    rounds.state.write_bytes(b"state")
    with pytest.raises(InputError, match=r"threshold: 0\.5 then, 0\.4 now"):
        complete_rounds(other)


def test_two_processes_take_turns(make_rounds, caplog):
    caplog.set_level(logging.INFO)
    rounds = make_rounds()
    other = threading.Thread(target=complete_rounds, args=[rounds])
    with hold_lock(rounds.options.output_dir / ".rounds.lock"):
        other.start()
        deadline = time.monotonic() + 30
        while "Propagating labels: waiting for the process" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not rounds.folder.exists()
    other.join()
    assert rounds.record.is_file()
