import pytest
import torch
from ignite.engine import Engine
from torch import nn

from infnet_monai.errors import InputError
from infnet_monai.handlers import BestModel, LastCheckpoint
from infnet_monai.handlers.checkpoints import save_atomically


def make_run(folder, resume=False, fail_at=None, error=KeyboardInterrupt):
    """A trainer that adds 1 to a weight each iteration, its best model and last checkpoint."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)

    def step(engine, batch):
        if engine.state.iteration == fail_at:
            raise error
        with torch.no_grad():
            network.weight += 1

    trainer = Engine(step)
    best = BestModel(network, folder / "model.pt")
    LastCheckpoint(folder / "last.pth", {"network": network, "best": best}, best, resume).attach(trainer)
    return trainer, network, best


def validate(best, scores):
    evaluator = Engine(lambda engine, batch: None)
    best.attach(evaluator)
    for score in scores:
        evaluator.state.metrics = {"dice": score}
        evaluator.state.key_metric_name = "dice"
        best._compare(evaluator)


def test_best_model_is_kept(tmp_path):
    _, network, best = make_run(tmp_path)
    for weight, score in ((1.0, 0.3), (2.0, 0.8), (3.0, 0.5)):
        nn.init.constant_(network.weight, weight)
        validate(best, [score])
    assert torch.load(tmp_path / "model.pt", weights_only=True)["weight"].item() == 2
    assert best.state_dict() == {"score": 0.8}


def test_interrupted_run_resumes_where_it_stopped(tmp_path):
    trainer, network, best = make_run(tmp_path, fail_at=6)
    best.score = 0.7
    with pytest.raises(KeyboardInterrupt):
        trainer.run([0, 1, 2, 3], max_epochs=3)
    assert network.weight.item() == 5
    trainer, network, best = make_run(tmp_path, resume=True)
    trainer.run([0, 1, 2, 3], max_epochs=3)
    assert network.weight.item() == 5 + 8  # epoch 2 was cut short, so epochs 2 and 3 run
    assert trainer.state.epoch == 3
    assert best.score == 0.7


def test_weights_are_saved_without_validation(tmp_path):
    trainer, _, _ = make_run(tmp_path)
    trainer.run([0, 1], max_epochs=2)
    assert torch.load(tmp_path / "model.pt", weights_only=True)["weight"].item() == 4


def test_an_error_is_no_checkpoint(tmp_path):
    trainer, _, _ = make_run(tmp_path, fail_at=2, error=ZeroDivisionError("x"))
    with pytest.raises(ZeroDivisionError):
        trainer.run([0, 1], max_epochs=2)
    assert not (tmp_path / "last.pth").exists()


def test_resume_needs_a_readable_unfinished_checkpoint(tmp_path):
    trainer, _, _ = make_run(tmp_path, resume=True)
    with pytest.raises(InputError, match="does not exist"):
        trainer.run([0], max_epochs=1)
    (tmp_path / "last.pth").write_bytes(b"damaged")
    with pytest.raises(InputError, match="cannot be resumed from"):
        make_run(tmp_path, resume=True)[0].run([0], max_epochs=1)
    make_run(tmp_path)[0].run([0], max_epochs=2)
    with pytest.raises(InputError, match="finished epoch 2 already"):
        make_run(tmp_path, resume=True)[0].run([0], max_epochs=2)


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
