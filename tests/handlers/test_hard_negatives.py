import pytest
import torch
from ignite.engine import Engine

from infnet_monai.data import BalancedSlices, SliceDataset
from infnet_monai.handlers import HardNegatives


@pytest.fixture
def sampler():
    """Two slices with lesion and four without, of which an epoch has room for two."""
    label = torch.zeros(1, 2, 2, 6)
    label[..., :2] = 1
    dataset = SliceDataset([{"image": "a.nii"}], lambda item: {"image": label, "label": label})
    return BalancedSlices(dataset, lesion_fraction=0.5)


def train(handler, areas, epochs=1):
    """Epochs of one batch: a slice a row, with a predicted area in pixels of sixteen."""

    def step(engine, batch):
        probability = torch.tensor(list(areas.values()))[:, None, None, None].expand(-1, 1, 4, 4) / 16
        maps = (torch.zeros_like(probability), torch.logit(probability), torch.full_like(probability, 9.0))
        return {"pred": maps}

    engine = Engine(step)
    handler.attach(engine)
    batch = {"case": ["a"] * len(areas), "slice": torch.tensor(list(areas))}
    engine.run([batch], max_epochs=epochs)


def test_weights_follow_the_area_that_was_predicted(sampler):
    handler = HardNegatives(sampler, strength=2)
    train(handler, {0: 15.0, 2: 1.0, 3: 5.0})  # the mean is 3, which the two unseen slices get
    assert sampler.empty_weights.tolist() == pytest.approx([1 + 2 / 3, 1 + 10 / 3, 3, 3])
    train(handler, {3: 2.0})  # known areas are 1 and 2
    assert sampler.empty_weights.tolist() == pytest.approx([1 + 4 / 3, 1 + 8 / 3, 3, 3])


def test_hard_slices_are_drawn_more_often_and_lesions_as_before(sampler):
    train(HardNegatives(sampler, strength=20), {2: 0.01, 3: 12.0, 4: 0.01, 5: 0.01})
    drawn = []
    for number in range(100):
        sampler.set_epoch(number)
        drawn += list(sampler)
    counts = [drawn.count(position) for position in range(6)]
    assert counts[:2] == [100, 100]
    assert counts[3] > 90
    assert sum(counts[2:]) == 200
    assert min(counts[2], counts[4], counts[5]) > 10


def test_a_resumed_training_draws_what_an_undisturbed_one_draws(sampler):
    handler = HardNegatives(sampler)
    train(handler, {2: 3.0, 4: 9.0})
    state = handler.state_dict()
    sampler.set_epoch(7)
    undisturbed = list(sampler)
    sampler.empty_weights = torch.ones(4)
    HardNegatives(sampler).load_state_dict(state)
    assert list(sampler) == undisturbed
    with pytest.raises(ValueError, match="3 slices without lesion instead of 4"):
        handler.load_state_dict({"area": torch.zeros(3)})


def test_nothing_seen_and_nothing_predicted_leave_the_weights_equal(sampler):
    train(HardNegatives(sampler), {0: 3.0})
    assert sampler.empty_weights.tolist() == [1, 1, 1, 1]
