"""One step on labelled and unlabelled slices: what the teacher sees, what the network learns from."""

import math
from types import SimpleNamespace

import pytest
import torch
from monai.engines import SupervisedTrainer
from monai.engines.utils import IterationEvents
from torch import nn

from infnet_monai.errors import InputError
from infnet_monai.handlers import ConsistencyUpdate, GradientClipping, LearningCurve
from infnet_monai.losses import ConsistencyLoss
from infnet_monai.transforms import LesionPaste, PairCutMix

SIZE = 32
SHARP = 40.0


class Threshold(nn.Module):
    """Marks pixels brighter than a level; in train mode it gives a coarse map, a refined one and an edge map."""

    def __init__(self, scale=1.0, level=0.5):
        super().__init__()
        self.scale, self.level = nn.Parameter(torch.tensor(scale)), nn.Parameter(torch.tensor(level))
        self.encoder = nn.Identity()
        self.encoder.forward = lambda image: [image]  # features by level, as encoders give them
        self.seen = []

    def forward(self, image):
        self.seen.append((self.training, torch.is_grad_enabled(), image.clone()))
        (features,) = self.encoder(image)
        logits = (features[:, :1] - self.level) * self.scale
        return (logits, logits, 0 * logits) if self.training else logits


class SegmentationLoss(nn.Module):
    """Cross-entropy of the refined map."""

    def forward(self, maps, target):
        return nn.functional.binary_cross_entropy_with_logits(maps[-2], target[:, :1].float())


def labelled_batch():
    image = torch.zeros(2, 3, SIZE, SIZE)
    image[..., 8:16, 8:16] = 1
    return {"image": image, "label": torch.cat([image[:, :1]] * 2, dim=1).to(torch.uint8)}


def unlabelled_batch(strong_views=1):
    image = torch.zeros(3, 3, SIZE, SIZE)
    image[0, :, :4], image[1, :, :, :5] = 1, 1
    return {"image": image, "strong": torch.stack([image + 0.25 * k for k in range(1, strong_views + 1)], dim=1)}


class Batches:
    """Gives one batch again and again, and notes what it was asked for."""

    def __init__(self, strong_views=1):
        self.asked, self.batch = [], unlabelled_batch(strong_views)

    def __call__(self, first_step, steps, seed):
        self.asked.append((first_step, steps, seed))
        return iter([self.batch] * steps)


def train(network=None, teacher=None, epochs=1, steps=1, strong_views=1, handlers=(), **values):
    network, teacher = network or Threshold(), teacher or Threshold(SHARP)
    update = ConsistencyUpdate(teacher, Batches(strong_views), ConsistencyLoss(), **values)
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=epochs,
        train_data_loader=[labelled_batch()] * steps,
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.1),
        loss_function=SegmentationLoss(),
        iteration_update=update,
        decollate=False,
        train_handlers=list(handlers),
    )
    trainer.run()
    return SimpleNamespace(network=network, teacher=teacher, update=update, output=trainer.state.output)


def test_the_teacher_sees_weak_views_without_gradients_and_the_network_all_strong_ones_at_once():
    run = train(strong_views=2)
    ((training, gradients, weak),) = run.teacher.seen
    assert not training
    assert not gradients
    assert torch.equal(weak, unlabelled_batch()["image"])
    assert run.teacher.training  # as it was before
    ((training, gradients, seen),) = run.network.seen
    assert training
    assert gradients
    assert torch.equal(seen[:2], labelled_batch()["image"])
    assert torch.equal(seen[2:5], weak + 0.25)
    assert torch.equal(seen[5:], weak + 0.5)


def test_only_the_network_learns_and_its_loss_is_the_weighted_sum():
    run = train(weight=0.5)
    parts = run.output
    assert parts["loss"].item() == pytest.approx((parts["labelled_loss"] + 0.5 * parts["unlabelled_loss"]).item())
    assert parts["unlabelled_loss"] > 0
    assert run.network.scale != 1
    assert run.teacher.scale == SHARP
    assert run.teacher.scale.grad is None


def test_the_unlabelled_loss_is_that_of_the_two_segmentation_maps_against_the_teacher():
    network = Threshold()
    run = train(network=network)
    view, weak = unlabelled_batch()["strong"][:, 0], unlabelled_batch()["image"]
    logits = view[:, :1] - 0.5
    probability = torch.sigmoid((weak[:, :1] - 0.5) * SHARP)
    expected = ConsistencyLoss()([logits, logits], probability)
    assert run.output["unlabelled_loss"].item() == pytest.approx(expected.item())
    assert run.output["confident_fraction"] == 1
    lesion = (4 * SIZE + 5 * SIZE) / (3 * SIZE**2)
    assert run.output["pseudo_lesion_fraction"].item() == pytest.approx(lesion)


def test_without_weight_the_step_on_the_labelled_slices_is_the_ordinary_one():
    ordinary = Threshold()
    loss = SegmentationLoss()(ordinary(labelled_batch()["image"]), labelled_batch()["label"])
    loss.backward()
    run = train(weight=0)
    assert run.network.scale.item() == pytest.approx(1 - 0.1 * ordinary.scale.grad.item())


def test_the_weight_grows_over_the_first_epochs():
    update = ConsistencyUpdate(Threshold(), Batches(), ConsistencyLoss(), ramp_epochs=4)
    assert [update.ramp(epochs) for epochs in (0, 2, 4, 9)] == pytest.approx([math.exp(-5), math.exp(-1.25), 1, 1])
    assert ConsistencyUpdate(Threshold(), Batches(), ConsistencyLoss()).ramp(0) == 1


def test_batches_are_asked_for_by_the_steps_before_and_each_epoch_has_a_seed():
    asked = train(epochs=3, steps=4).update.batches.asked
    assert [entry[:2] for entry in asked] == [(0, 4), (4, 4), (8, 4)]
    assert len({seed for *_, seed in asked}) == 3


def test_a_step_for_each_scale_resizes_all_views_alike():
    run = train(scales=(1, 2))
    assert [tuple(image.shape) for *_, image in run.network.seen] == [(5, 3, 32, 32), (5, 3, 64, 64)]
    assert [tuple(image.shape) for *_, image in run.teacher.seen] == [(3, 3, 32, 32), (3, 3, 64, 64)]


def mixed_views(image, **values):
    """Views of slices whose strong views are the weak ones, and the probability that belongs to them."""
    update = ConsistencyUpdate(Threshold(SHARP), Batches(), ConsistencyLoss(), **values)
    engine = SimpleNamespace(state=SimpleNamespace(device="cpu"), inferer=lambda batch, network: network(batch))
    donors = labelled_batch()["image"]
    return update._views(engine, {"image": image, "strong": image}, donors, donors[:, :1])


def test_boxes_take_the_probability_with_them():
    image = torch.rand(4, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    views, probability = mixed_views(image, cutmix=PairCutMix(1.0))
    assert not any(torch.equal(view, slice_) for view, slice_ in zip(views, image, strict=True))
    torch.testing.assert_close(probability, torch.sigmoid((views[:, :1] - 0.5) * SHARP))


def test_pasted_lesions_are_certain():
    image = torch.full((8, 3, SIZE, SIZE), 0.9)
    image[..., 4:28, 4:28] = 0.1  # lungs
    views, probability = mixed_views(image, paste=LesionPaste(1.0))
    pasted = views[:, :1] > 0.95
    assert pasted.any()
    assert (probability[pasted] == 1).all()
    assert (probability[image[:, :1] == 0.1] == 1).any()


def test_the_view_of_perturbed_features_drops_channels_of_its_own_rows_only():
    dropped = []

    class Recording(Threshold):
        def forward(self, image):
            maps = super().forward(image)
            dropped.append((maps[0].detach(), image))
            return maps

    torch.manual_seed(0)
    run = train(network=Recording(), feature_dropout=0.5)
    ((logits, image),) = dropped
    assert image.shape[0] == 2 + 3 + 3
    assert torch.equal(image[5:], unlabelled_batch()["image"])
    assert torch.equal(logits[:5], image[:5, :1] - 0.5)
    assert not torch.equal(logits[5:], image[5:, :1] - 0.5)
    assert not run.network.encoder._forward_hooks


def test_handlers_of_a_step_are_called_as_by_the_ordinary_trainer(tmp_path):
    events = []

    class Events:
        def attach(self, engine):
            for event in IterationEvents:
                engine.add_event_handler(event, lambda engine, name=event.name: events.append(name))

    evaluator = SupervisedTrainer(torch.device("cpu"), 1, [0], nn.Identity(), None, None)
    names = ["labelled_loss", "unlabelled_loss"]
    curve = LearningCurve(evaluator, tmp_path / "metrics.csv", outputs=names)
    train(handlers=[Events(), GradientClipping(1e-3), curve])
    assert events == ["FORWARD_COMPLETED", "LOSS_COMPLETED", "BACKWARD_COMPLETED", "MODEL_COMPLETED"]
    (row,) = curve.rows
    assert row["train_loss"] == pytest.approx(row["train_labelled_loss"] + row["train_unlabelled_loss"])


def test_a_network_that_gives_one_map_trains_too():
    class OneMap(Threshold):
        def forward(self, image):
            self.train(False)
            return super().forward(image)

    class OneLoss(SegmentationLoss):
        def forward(self, logits, target):
            return super().forward((logits, None), target)

    update = ConsistencyUpdate(Threshold(SHARP), Batches(), ConsistencyLoss())
    network = OneMap()
    SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=1,
        train_data_loader=[labelled_batch()],
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.1),
        loss_function=OneLoss(),
        iteration_update=update,
        decollate=False,
    ).run()
    assert network.scale != 1


@pytest.mark.parametrize("values", [{"weight": -1}, {"weight": math.nan}, {"feature_dropout": 1}])
def test_numbers_out_of_range_are_refused(values):
    with pytest.raises(InputError, match="expected a"):
        ConsistencyUpdate(Threshold(), Batches(), ConsistencyLoss(), **values)
