import json

import pytest
from written_runs import write_training

from infnet_monai.comparison.plan import check_run, plan_runs
from infnet_monai.training import WorkflowFailed


@pytest.fixture
def run(options):
    return plan_runs(options(overrides={"amp": False}))[0]


def complete(run):
    with run.lock() as lock:
        run.train_and_evaluate(lock)


def test_trains_then_evaluates_over_all_config_files(run, fake_bundles):
    complete(run)
    training, evaluating = fake_bundles.commands
    assert training[training.index("--resume") + 1] == "false"
    assert training[training.index("--output_dir") + 1] == str(run.folder / "training")
    assert evaluating[evaluating.index("--output_dir") + 1] == str(run.folder / "test")
    assert "evaluate.json" not in str(training)
    files = evaluating[evaluating.index("--config_file") + 1]
    order = [files.index(name) for name in ("train.json", "config.json", "evaluate.json", "evaluation.json")]
    assert order == sorted(order)
    assert json.loads(run.config_path.read_text()) == run.config
    assert run.record.is_file()
    assert not run.last_state.exists()
    assert (run.folder / "models" / "model.pt").is_file()


def test_finished_run_is_left_alone(run, fake_bundles):
    complete(run)
    fake_bundles.commands.clear()
    complete(run)
    assert fake_bundles.commands == []


def test_other_evaluation_of_a_finished_run_trains_nothing(run, options, fake_bundles):
    complete(run)
    fake_bundles.commands.clear()
    other = plan_runs(options(overrides={"amp": False}, evaluation_overlay="evaluate_best.json"))[0]
    assert not other.finished
    check_run(other, retrain=False)
    complete(other)
    (command,) = fake_bundles.commands
    files = command[command.index("--config_file") + 1]
    order = [files.index(name) for name in ("config.json", "evaluate.json", "evaluate_best.json", "evaluation.json")]
    assert "evaluating" in command
    assert order == sorted(order)
    assert other.finished
    assert not run.finished


def test_interrupted_training_is_resumed(run, fake_bundles):
    write_training(run.folder, epochs=1, finished=False)
    complete(run)
    training, _ = fake_bundles.commands
    assert training[training.index("--resume") + 1] == "true"


def test_finished_training_is_only_evaluated(run, fake_bundles):
    write_training(run.folder)
    complete(run)
    (command,) = fake_bundles.commands
    assert "evaluating" in command


def test_failure_says_why_and_where(run, fake_bundles):
    fake_bundles.broken.add("infnet_vgg16")
    with pytest.raises(WorkflowFailed, match=r"training ended with status 1: out of memory \(log: .*log\.txt\)"):
        complete(run)
    assert not run.record.exists()


def test_a_killed_evaluation_leaves_nothing_that_is_taken_for_a_result(run, options, fake_bundles):
    complete(run)
    leftover = run.evaluation / "examples" / ".123-case_7.npz"
    leftover.write_bytes(b"half")
    other = plan_runs(options(overrides={"amp": False}, evaluation_overlay="evaluate_best.json"))[0]
    fake_bundles.broken.add("infnet_vgg16")
    with pytest.raises(WorkflowFailed, match="evaluating ended with status 1"):
        complete(other)
    assert not run.finished  # its tables are gone, and so is its record
    fake_bundles.broken.clear()
    complete(run)
    assert run.finished
    assert not leftover.exists()
