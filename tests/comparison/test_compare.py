import json
import logging
from contextlib import ExitStack

import pytest

from infnet_monai.comparison.compare import compare
from infnet_monai.comparison.plan import plan_runs
from infnet_monai.errors import InputError
from infnet_monai.stage import hold_lock
from infnet_monai.training.claim import claim_output_dir

FILES = {"table.md", "table.tex", "table.csv", "runs.csv", "index.html"}
PICTURES = {"learning_curves.png", "figure5_examples.png", "figure6_masks.png"}


def test_writes_everything_and_does_nothing_twice(options, fake_bundles, caplog):
    caplog.set_level(logging.INFO)
    fake_bundles.values = {"infnet_vgg16": 0.7}
    comparison = compare(options())
    assert {path.name for path in comparison.files} == FILES | PICTURES
    assert all(path.is_file() for path in comparison.files)
    assert comparison.problems == {}
    assert "infnet_vgg16, seed 0: Dice 0.700 (1 of 2)" in caplog.text
    assert len(fake_bundles.commands) == 4
    table = (options().output_dir / "table.md").read_text()
    compare(options())
    assert len(fake_bundles.commands) == 4
    assert "2 of 2 runs were finished before." in caplog.text
    assert (options().output_dir / "table.md").read_text() == table


@pytest.mark.parametrize("it_finishes", [True, False])
def test_run_of_another_process_comes_last_and_is_done_once(
    options, fake_bundles, monkeypatch, caplog, capsys, it_finishes
):
    caplog.set_level(logging.INFO)
    vgg16, _ = plan_runs(options())
    claim_output_dir(options().output_dir, "comparison", "made by the other process")
    other_process = ExitStack()
    other_locks = [other_process.enter_context(hold_lock(vgg16.lock_path))]

    def run_child_and_end_the_other(*arguments):
        if other_locks:
            lock = other_locks.pop()
            if it_finishes:
                vgg16.train_and_evaluate(lock)
            other_process.close()
        return fake_bundles(*arguments)

    monkeypatch.setattr("infnet_monai.training.child.run_child", run_child_and_end_the_other)
    with other_process:
        assert compare(options()).problems == {}
    assert len(fake_bundles.commands) == 4
    assert "infnet_vgg16, seed 0: waiting for the process that works on it." in caplog.text
    assert caplog.text.index("infnet_efficientnet_lite0, seed 0: Dice") < caplog.text.index(
        "infnet_vgg16, seed 0: Dice"
    )
    assert vgg16.finished
    assert "| 4/4 [" in capsys.readouterr().err.rpartition("\r")[2]  # epochs of both


def test_later_seeds_are_added_to_earlier_ones(options, fake_bundles):
    compare(options())
    compare(options(seeds=(0, 1)))
    assert len(fake_bundles.commands) == 8
    assert "over 2 seeds" in (options().output_dir / "table.md").read_text()


def test_a_failed_run_does_not_end_the_comparison(options, fake_bundles):
    fake_bundles.broken.add("infnet_vgg16")
    comparison = compare(options())
    assert set(comparison.problems) == {"infnet_vgg16, seed 0"}
    table = (options().output_dir / "table.md").read_text()
    assert "infnet_vgg16" not in table
    assert "| infnet_efficientnet_lite0 | here |" in table
    page = (options().output_dir / "index.html").read_text()
    assert "1 not finished" in page
    assert "out of memory" in page


def test_nothing_finished_is_an_error(options, fake_bundles):
    fake_bundles.broken.update(("infnet_vgg16", "infnet_efficientnet_lite0"))
    with pytest.raises(InputError, match="none of 2 runs is finished; the first: training ended with status 1"):
        compare(options())


def test_a_method_without_the_first_seed_is_drawn_as_missing(options, fake_bundles):
    compare(options(seeds=(0, 1)))
    folder = options().output_dir / "runs" / "infnet_vgg16" / "seed_0"
    (folder / "finished.json").unlink()
    fake_bundles.broken.add("infnet_vgg16")
    comparison = compare(options(seeds=(0, 1)))
    assert "here, 1 of 2 runs" in (options().output_dir / "table.md").read_text()
    assert set(comparison.problems) == {"infnet_vgg16, seed 0"}


def test_folds_are_written_and_trained_on(options, fake_bundles):
    compare(options(folds=3, bundles=["vgg16"]))
    places = [command[command.index("--dataset_dir") + 1] for command in fake_bundles.commands]
    folders = [options().output_dir / "folds" / f"fold_{fold}" for fold in (1, 2, 3)]
    assert places == [str(folder) for folder in folders for _ in ("training", "evaluating")]
    assert all(len(json.loads((folder / "dataset.json").read_text())["test"]) == 1 for folder in folders)
    assert "3-fold cross-validation" in (options().output_dir / "table.md").read_text()


def test_data_without_a_test_section_is_refused_at_once(options, tiny_dataset, fake_bundles):
    datalist = json.loads((tiny_dataset / "dataset.json").read_text())
    del datalist["test"]
    (tiny_dataset / "dataset.json").write_text(json.dumps(datalist))
    with pytest.raises(InputError, match=r"section 'test' is missing.*or give --folds 5"):
        compare(options())
    assert fake_bundles.commands == []
    assert not options().output_dir.exists()


def test_somebody_elses_folder_is_left_alone(options, fake_bundles):
    folder = options().output_dir
    folder.mkdir()
    (folder / "table.md").write_text("mine")
    with pytest.raises(InputError, match="not the folder of a comparison"):
        compare(options())
    assert (folder / "table.md").read_text() == "mine"
    assert fake_bundles.commands == []


@pytest.mark.parametrize("name", ["finished.json", "test/summary.json", "training/run.json"])
@pytest.mark.parametrize("content", ["", '{"evaluation": '])
def test_damaged_records_are_written_again(options, fake_bundles, name, content):
    compare(options())
    table = (options().output_dir / "table.md").read_text()
    (options().output_dir / "runs" / "infnet_vgg16" / "seed_0" / name).write_text(content)
    fake_bundles.commands.clear()
    assert compare(options()).problems == {}
    assert len(fake_bundles.commands) == (2 if name == "training/run.json" else 1)
    assert (options().output_dir / "table.md").read_text() == table


def test_damaged_learning_curve_is_one_line_and_ends_nothing(options, fake_bundles):
    compare(options())
    (options().output_dir / "runs" / "infnet_vgg16" / "seed_0" / "training" / "metrics.csv").write_text("")
    problems = compare(options()).problems
    assert list(problems) == ["infnet_vgg16, seed 0"]
    assert "metrics.csv: missing or damaged; remove" in problems["infnet_vgg16, seed 0"]
    assert "infnet_efficientnet_lite0 | here |" in (options().output_dir / "table.md").read_text()


def test_retraining_waits_for_no_process_and_moves_nothing_of_its_run(options, fake_bundles):
    compare(options())
    run, _ = plan_runs(options())
    with hold_lock(run.lock_path), pytest.raises(InputError, match="another process works there"):
        compare(options(epochs=5, retrain=True))
    assert run.finished
    assert compare(options(epochs=5, retrain=True)).problems == {}
    assert len(list(run.folder.parent.glob("earlier-*-seed_0"))) == 1
