import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from infnet_monai.errors import InputError
from infnet_monai.handlers import BestModel, LastCheckpoint
from infnet_monai.handlers.checkpoints import save_atomically

SCORES = {1: 0.3, 2: 0.8, 3: 0.5}


def make_run(folder, scores=None, resume=False, fail_at=None, error=KeyboardInterrupt):
    """A trainer that adds 1 to a weight each iteration and validates to given scores, and its checkpoints."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    best = BestModel(network, folder / "model.pt")
    evaluator = Engine(lambda engine, batch: None)
    evaluator.state.key_metric_name = "dice"
    best.attach(evaluator)

    def step(engine, batch):
        if engine.state.iteration == fail_at:
            raise error
        with torch.no_grad():
            network.weight += 1

    trainer = Engine(step)
    if scores:

        @trainer.on(Events.EPOCH_COMPLETED)
        def validate(engine):
            evaluator.state.metrics = {"dice": scores[engine.state.epoch]}
            evaluator.run([0])

    LastCheckpoint(folder / "last.pth", {"network": network}, best, resume).attach(trainer)
    return trainer, network, best


def saved_weight(path):
    return torch.load(path, weights_only=True)["weight"].item()


def test_best_model_is_kept(tmp_path):
    trainer, _, best = make_run(tmp_path, SCORES)
    trainer.run([0], max_epochs=3)
    assert saved_weight(tmp_path / "model.pt") == 2
    assert best.state_dict() == {"score": 0.8, "unsaved": False}


def test_undefined_scores_choose_nothing_and_the_last_weights_are_kept(tmp_path):
    trainer, _, best = make_run(tmp_path, dict.fromkeys(SCORES, float("nan")))
    trainer.run([0], max_epochs=3)
    assert best.score is None
    assert saved_weight(tmp_path / "model.pt") == 3


def test_interrupted_run_resumes_after_the_last_complete_epoch(tmp_path, caplog):
    caplog.set_level("INFO")
    trainer, network, best = make_run(tmp_path, fail_at=6)
    best.score = 0.7
    with pytest.raises(KeyboardInterrupt):
        trainer.run([0, 1, 2, 3], max_epochs=3)
    assert network.weight.item() == 5
    assert "Interrupted in epoch 2; resume with --resume true" in caplog.text
    state = torch.load(tmp_path / "last.pth", weights_only=True)
    assert (state["epoch"], state["network"]["weight"].item()) == (1, 4)  # nothing of the epoch that was cut short
    trainer, network, best = make_run(tmp_path, resume=True)
    trainer.run([0, 1, 2, 3], max_epochs=3)
    assert network.weight.item() == 12
    assert trainer.state.epoch == 3
    assert best.score == 0.7


def test_a_kill_between_state_and_model_is_made_good(tmp_path, monkeypatch):
    trainer, _, best = make_run(tmp_path, SCORES)
    monkeypatch.setattr(best, "save", lambda: None)
    trainer.run([0], max_epochs=2)
    assert not (tmp_path / "model.pt").exists()
    make_run(tmp_path, SCORES, resume=True)[0].run([0], max_epochs=3)
    assert saved_weight(tmp_path / "model.pt") == 2


def test_weights_are_saved_without_validation(tmp_path):
    trainer, _, _ = make_run(tmp_path)
    trainer.run([0, 1], max_epochs=2)
    assert saved_weight(tmp_path / "model.pt") == 4


def test_an_error_is_no_checkpoint(tmp_path):
    trainer, _, _ = make_run(tmp_path, fail_at=2, error=ZeroDivisionError("x"))
    with pytest.raises(ZeroDivisionError):
        trainer.run([0, 1], max_epochs=2)
    assert not (tmp_path / "last.pth").exists()


def test_resume_needs_a_readable_checkpoint(tmp_path):
    trainer, _, _ = make_run(tmp_path, resume=True)
    with pytest.raises(InputError, match="does not exist"):
        trainer.run([0], max_epochs=1)
    (tmp_path / "last.pth").write_bytes(b"damaged")
    with pytest.raises(InputError, match="cannot be resumed from"):
        make_run(tmp_path, resume=True)[0].run([0], max_epochs=1)


@pytest.mark.parametrize("max_epochs", [1, 2])
def test_resuming_a_finished_training_runs_its_closing_steps_only(tmp_path, max_epochs, caplog):
    caplog.set_level("INFO")
    make_run(tmp_path)[0].run([0], max_epochs=2)
    (tmp_path / "model.pt").unlink()
    trainer, network, _ = make_run(tmp_path, resume=True)
    trainer.run([0], max_epochs=max_epochs)
    assert network.weight.item() == 2
    assert "has finished epoch 2: all epochs are done" in caplog.text
    assert saved_weight(tmp_path / "model.pt") == 2


def test_a_failed_write_leaves_the_earlier_file(tmp_path, monkeypatch):
    save_atomically({"a": 1}, tmp_path / "x.pt")

    def full(content, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match="No space left"):
        save_atomically({"a": 2}, tmp_path / "x.pt")
    assert torch.load(tmp_path / "x.pt", weights_only=True) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["x.pt"]
