import torch
from ignite.engine import Engine, Events

from infnet_monai.handlers import FinalModel, LastCheckpoint


def test_weights_of_the_last_epoch_are_kept_whatever_was_validated(tmp_path):
    network = torch.nn.Linear(1, 1, bias=False)
    model = FinalModel(network, tmp_path / "model.pt")
    evaluator = Engine(lambda engine, batch: batch)
    evaluator.state.metrics = {"val_dice": 1.0}
    model.attach(evaluator)
    trainer = Engine(lambda engine, batch: None)

    @trainer.on(Events.EPOCH_COMPLETED)
    def validate(engine):
        with torch.no_grad():
            network.weight.fill_(engine.state.epoch)
        evaluator.run([0])

    LastCheckpoint(tmp_path / "last.pth", {"network": network}, model).attach(trainer)
    trainer.run([0], max_epochs=3)
    assert model.score is None
    assert torch.load(tmp_path / "model.pt", weights_only=True)["weight"].item() == 3
