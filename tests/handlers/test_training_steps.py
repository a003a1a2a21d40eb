import random

import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from monai.engines import Evaluator, SupervisedTrainer
from monai.handlers import ValidationHandler
from monai.transforms import RandScaleIntensity
from torch import nn
from torch.utils.data import DataLoader

from infnet_monai.handlers import (
    BestModel,
    EpochSeeds,
    FirstAndLastValidation,
    GradientClipping,
    LossProgressBar,
    MultiScaleUpdate,
)


class Recorder(nn.Module):
    """A convolution that notes the sizes it sees."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)
        self.sizes = []

    def forward(self, x):
        self.sizes.append(tuple(x.shape[-2:]))
        return self.conv(x)


def run(scales=(1.0,), clip_value=None, lr=1.0):
    network = Recorder()
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=1,
        train_data_loader=[{"image": torch.ones(2, 1, 352, 320), "label": torch.full((2, 1, 352, 320), 100.0)}],
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=lr),
        loss_function=nn.MSELoss(),
        iteration_update=MultiScaleUpdate(scales),
        decollate=False,
        train_handlers=[GradientClipping(clip_value), LossProgressBar()],
    )
    before = network.conv.weight.item()
    trainer.run()
    return network, network.conv.weight.item() - before


def test_one_step_a_scale_at_multiples_of_32():
    network, _ = run(scales=(0.75, 1, 1.25), lr=1e-6)
    assert network.sizes == [(256, 256), (352, 320), (448, 384)]


def test_gradient_values_are_clipped():
    assert run(clip_value=0.5)[1] == 0.5
    assert abs(run(clip_value=None)[1]) > 10


def test_resized_targets_stay_in_range():
    label = torch.zeros(1, 2, 352, 352)
    label[..., 100:200, 50:90] = 1
    resized = MultiScaleUpdate().resize({"image": label[:, :1], "label": label.to(torch.uint8), "case": "a"}, 0.75)
    assert resized["label"].shape == (1, 2, 256, 256)
    assert 0 <= resized["label"].min() <= resized["label"].max() <= 1
    assert resized["case"] == "a"


class Drawing(torch.utils.data.Dataset):
    """Gives random numbers of torch, NumPy, Python and a random transform of MONAI."""

    def __init__(self):
        self.transform = RandScaleIntensity(factors=0.9, prob=1)

    def __len__(self):
        return 3

    def __getitem__(self, position):
        drawn = [torch.rand(1).item(), np.random.rand(), random.random()]  # noqa: NPY002
        return torch.tensor([*drawn, self.transform(torch.ones(1)).item(), position])


def drawn_in_epochs(first, last, seed=0):
    """What each epoch from first to last draws, batch by batch, in a process that starts with the first."""
    dataset, drawn = Drawing(), {}
    trainer = Engine(lambda engine, batch: drawn.setdefault(engine.state.epoch, []).append(batch.tolist()))
    EpochSeeds(dataset, seed).attach(trainer)
    trainer.add_event_handler(Events.STARTED, lambda engine: setattr(engine.state, "epoch", first - 1))
    trainer.run(DataLoader(dataset, shuffle=True), max_epochs=last)
    return drawn


def test_each_epoch_has_random_numbers_of_its_own_whatever_came_before():
    whole, resumed = drawn_in_epochs(1, 3), drawn_in_epochs(3, 3)
    assert resumed[3] == whole[3]
    assert whole[1] != whole[2] != whole[3]
    assert drawn_in_epochs(3, 3, seed=1)[3] != whole[3]


class Validator(Evaluator):
    """Notes at which epochs of the training it validates."""

    def __init__(self, best):
        super().__init__(device=torch.device("cpu"), val_data_loader=[0])
        self.best, self.epochs = best, []

    def run(self, global_epoch=0):
        self.epochs.append(global_epoch)
        self.best.score, self.best.unsaved = 0.5, True


@pytest.mark.parametrize(
    ("epochs", "interval", "validated"), [(3, 2, [0, 2, 3]), (4, 2, [0, 2, 4]), (3, 5, [0, 3]), (2, 1, [0, 1, 2])]
)
def test_first_and_last_epoch_are_always_validated(epochs, interval, validated, tmp_path):
    best = BestModel(nn.Linear(1, 1), tmp_path / "model.pt")
    validator, trainer = Validator(best), Engine(lambda engine, batch: None)
    ValidationHandler(interval, validator).attach(trainer)
    FirstAndLastValidation(validator, interval, best).attach(trainer)
    trainer.run([0], max_epochs=epochs)
    assert validator.epochs == validated


def test_weights_before_the_first_epoch_count_only_where_they_were_trained(tmp_path):
    for trained in (False, True):
        best = BestModel(nn.Linear(1, 1), tmp_path / "model.pt")
        trainer = Engine(lambda engine, batch: None)
        FirstAndLastValidation(Validator(best), 5, best, trained_before=trained).attach(trainer)
        trainer.fire_event(Events.STARTED)
        assert best.score == (0.5 if trained else None)
        assert not best.unsaved
        assert (tmp_path / "model.pt").exists() == trained


def test_a_resumed_training_is_not_validated_at_its_start(tmp_path):
    best = BestModel(nn.Linear(1, 1), tmp_path / "model.pt")
    validator, trainer = Validator(best), Engine(lambda engine, batch: None)
    FirstAndLastValidation(validator, 5, best, resume=True).attach(trainer)
    trainer.fire_event(Events.STARTED)
    assert validator.epochs == []
