"""What leaves a site, and what the server accepts of what comes."""

import json

import numpy as np
import pytest

pytest.importorskip("nvflare")

from nvflare.apis.fl_constant import FLMetaKey
from nvflare.app_common.abstract.fl_model import FLModel, ParamsType
from tiny_cases import write_tiny_dataset

from infnet_monai.errors import InputError
from infnet_monai.federated.client import record_of_message, update_message
from infnet_monai.federated.plan import FederatedPlan, SitePlaces
from infnet_monai.federated.server import CheckedAverage
from infnet_monai.federated.site import FederatedSite
from infnet_monai.federated.weights import RoundFiles, exchanged_weights, local_names

SMALL = {"network_def#backbone": "resnet18", "image_size": [32, 32], "amp": False, "device": "cpu", "batch_size": 4}


def plan_of(**options):
    return FederatedPlan(bundle="efficientnet_lite0", overrides=SMALL, **options)


def message(site, difference, steps=1, **options):
    arrays = {name: np.asarray(values, np.float32) for name, values in difference.items()}
    meta = {FLMetaKey.NUM_STEPS_CURRENT_ROUND: steps, "client_name": site}
    return FLModel(params=arrays, params_type=options.get("params_type", ParamsType.DIFF), meta=meta)


@pytest.fixture
def average(monkeypatch):
    """The server's average over two tensors, and the lines that it logs."""
    average = CheckedAverage()
    average.reference = {"a": np.ones(2, np.float32), "b": np.ones(1, np.float32)}
    average.lines = []
    monkeypatch.setattr(average, "warning", average.lines.append)
    average.reset_stats()
    return average


def test_updates_are_averaged_by_their_steps(average):
    average.accept_model(message("A", {"a": [1, 2], "b": [0]}, steps=3))
    average.accept_model(message("B", {"a": [5, 2], "b": [4]}, steps=1))
    result = average.aggregate_model()
    assert result.params_type == ParamsType.DIFF
    assert result.params["a"].tolist() == [2, 2]
    assert result.params["b"].tolist() == [1]
    assert average.lines == []


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ({"a": [np.nan, np.inf], "b": [0]}, "a holds 2 numbers that are not finite"),
        ({"a": [1, 2, 3], "b": [0]}, "a has the shape (3,), expected (2,)"),
        ({"a": [1, 2]}, "1 tensors are missing, e.g. b"),
        ({"a": [1, 2], "b": [0], "c": [0]}, "1 tensors that were not asked for"),
        ({"a": [1e9, 0], "b": [0]}, "a changes by 1e+09, expected at most 17.3"),
    ],
    ids=["NaN", "shape", "missing", "extra", "huge"],
)
def test_a_broken_update_is_refused_in_one_line_and_the_others_count(average, broken, problem):
    average.accept_model(message("bad", broken))
    average.accept_model(message("good", {"a": [1, 2], "b": [3]}))
    assert average.aggregate_model().params["a"].tolist() == [1, 2]
    assert average.lines == [f"Refused the update of bad: {problem}; the round continues without it."]
    assert [row["refused"] for row in average.rows] == [problem, ""]


@pytest.mark.parametrize("steps", [0, -1, 1e9, float("nan"), None, "9", True])
def test_an_update_that_claims_an_impossible_weight_is_refused(average, steps):
    average.accept_model(message("bad", {"a": [1, 2], "b": [0]}, steps))
    assert "expected a number of steps" in average.lines[0]


def test_whole_weights_are_refused(average):
    average.accept_model(message("bad", {"a": [1, 2], "b": [0]}, params_type=ParamsType.FULL))
    assert "expected differences" in average.lines[0]


def test_weights_stay_where_no_update_can_be_used(average):
    average.accept_model(message("bad", {"a": [np.nan, 0], "b": [0]}))
    assert not any(array.any() for array in average.aggregate_model().params.values())


@pytest.fixture
def places(tmp_path):
    (tmp_path / "site").mkdir()
    return SitePlaces(write_tiny_dataset(tmp_path / "patient_Smith"), tmp_path / "site")


@pytest.mark.parametrize("batch_norm", ["average", "local"])
def test_tensors_of_the_network_and_two_metrics_are_all_that_is_sent(places, batch_norm):
    site = FederatedSite(plan_of(batch_norm=batch_norm), places)
    weights = exchanged_weights(site.network)
    sent = update_message(site.train(weights, 0))
    kept = local_names(site.network) if batch_norm == "local" else frozenset()
    assert set(sent.params) == set(weights) - kept
    assert all(array.shape == weights[name].shape for name, array in sent.params.items())
    assert set(sent.metrics) == {"train_loss", "val_dice"}
    assert set(sent.meta) == {FLMetaKey.NUM_STEPS_CURRENT_ROUND}
    record = json.dumps(record_of_message(sent, 0))
    assert "Smith" not in record
    assert str(places.dataset_dir) not in record
    assert (places.folder / "local.pt").is_file() == (batch_norm == "local")


def test_a_site_that_comes_back_keeps_its_batch_norm_and_the_learning_rate_of_the_round(places):
    plan = plan_of(batch_norm="local", rounds=3, overlays=("train_best.json",))
    site = FederatedSite(plan, places)
    start = exchanged_weights(site.network)
    site.train(start, 0)
    site.train(start, 1)
    again = FederatedSite(plan, places)
    assert again.evaluate(start) == site.evaluate(start)
    again.train(start, 2)
    assert again.trainer.state.epoch == 3
    rates = [group["lr"] for group in again.trainer.optimizer.param_groups]
    site.train(start, 2)
    assert rates == [group["lr"] for group in site.trainer.optimizer.param_groups]


def test_fedprox_stays_nearer_to_what_was_received(places):
    moved = {}
    for algorithm, mu in (("fedavg", 0.0), ("fedprox", 1e4)):
        optimizer = {"optimizer#_target_": "torch.optim.SGD", "learning_rate": 1e-4}
        plan = FederatedPlan(
            bundle="efficientnet_lite0", overrides=SMALL | optimizer, algorithm=algorithm, mu=mu, local_epochs=8
        )
        site = FederatedSite(plan, places)
        names = dict(site.network.named_parameters())
        weights = {name: np.full_like(array, 0.02) if name in names else array
                   for name, array in exchanged_weights(site.network).items()}  # fmt: skip
        update = site.train(weights, 0)
        moved[algorithm] = sum(float(np.abs(update.difference[name]).sum()) for name in names)
    assert moved["fedprox"] < moved["fedavg"]


def test_a_training_without_a_data_set_ends_in_one_line_and_not_on_the_phantom(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        FederatedSite(plan_of(), SitePlaces(tmp_path / "none", tmp_path))
    plan = plan_of()
    with pytest.raises(Exception, match="dataset_dir") as error:
        plan.recipe().parser().get_parsed_content("train#dataset")
    assert "dataset_dir: not given" in str(error.value.__cause__ or error.value)


def test_the_last_round_is_the_file_of_the_highest_number(tmp_path):
    files = RoundFiles(tmp_path)
    assert files.last is None
    for completed in (0, 1, 2):
        files.write({"w": np.full(2, completed, np.float32)}, completed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["round_0.pt", "round_2.pt"]
    assert files.read()["w"].tolist() == [2, 2]


def test_options_that_cannot_be_are_refused():
    for options in ({"rounds": 0}, {"algorithm": "fedsgd"}, {"batch_norm": "group"}, {"mu": -1.0}):
        with pytest.raises(InputError, match=next(iter(options))):
            plan_of(**options)
