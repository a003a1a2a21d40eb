import copy

import pytest
import torch
from tiny_semi import BrightnessNetwork, slice_with_lesion

from infnet_monai.errors import InputError
from infnet_monai.semi.fine_tuner import FineTuner
from infnet_monai.semi.pseudo_labels import pseudo_item, write_label


@pytest.fixture
def make_tuner(options):
    """Make a tuner of the three labelled training slices."""

    def make(weights=None, rate=0.1, **changes):
        items = {"dataset_dir": str(options().dataset_dir), "batch_size": 2, **changes}
        parser = options().recipe.parser(**items)
        return FineTuner(parser, weights or options().weights, rate, iterations=5)

    return make


@pytest.fixture
def items(options, tmp_path):
    """Two unlabelled slices, the second one's label empty."""
    paths = sorted(options().unlabelled_dir.iterdir())[:2]
    items = [pseudo_item(path, "LP", tmp_path) for path in paths]
    mask = slice_with_lesion(100)[1]
    write_label(mask, items[0]["label"])
    write_label(mask & False, items[1]["label"])
    return items


def test_trains_for_the_iterations_asked_for(make_tuner, monkeypatch):
    steps = []
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self, *_, **__: steps.append(1))
    loss = make_tuner().run(seed=1)
    assert len(steps) == 5
    assert loss > 0


def test_loss_falls_over_the_rounds(make_tuner):
    tuner = make_tuner(rate=0.3)
    losses = [tuner.run(seed) for seed in range(8)]
    assert losses[-1] < 0.8 * losses[0]


def test_only_slices_with_lesion_are_added_where_the_bundle_says_so(make_tuner, items):
    tuner, of_all = make_tuner(), make_tuner(positive_only="false")
    assert tuner.slices == of_all.slices == 3
    for either in (tuner, of_all):
        either.add(items[1:])
        either.add(items)
        assert either.run(0) > 0
    assert (tuner.slices, of_all.slices) == (4, 6)


def test_resumes_exactly_where_another_stopped(make_tuner, items):
    one, two = make_tuner(), make_tuner()
    one.run(1)
    two.load_state_dict(copy.deepcopy(one.state_dict()))  # torch's optimisers share what they are given
    for tuner in (one, two):
        tuner.add(items)
    assert one.run(2) == two.run(2)
    assert one.network.weight == two.network.weight
    assert one.network.weight != BrightnessNetwork().weight


def test_seed_decides_order_and_augmentation(make_tuner):
    flips = [{"_target_": "RandGaussianNoised", "keys": "image", "prob": 0.9, "std": 0.3}]
    losses = [make_tuner(**{"train#random_transforms": flips}).run(seed) for seed in (1, 1, 2)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_unusable_weights_and_losses_are_named(make_tuner, tmp_path):
    with pytest.raises(InputError, match="no such weights"):
        make_tuner(tmp_path / "none.pt")
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="not the weights of this network"):
        make_tuner(tmp_path / "other.pt")
    torch.save({"weight": torch.tensor(torch.nan), "bias": torch.tensor(0.0)}, tmp_path / "nan.pt")
    with pytest.raises(InputError, match="the loss of fine-tuning became nan; give a smaller --round-learning-rate"):
        make_tuner(tmp_path / "nan.pt").run(0)
