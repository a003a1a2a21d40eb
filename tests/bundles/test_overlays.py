"""The overlays of a bundle combine in any order."""

import sys
from itertools import combinations
from pathlib import Path

import pytest
import torch
from ignite.handlers import EMAHandler
from monai.bundle import ConfigParser, ConfigWorkflow
from PIL import Image
from torch.nn.parallel import DistributedDataParallel

from infnet_monai.bundle import leave_ranks
from infnet_monai.data import BalancedSlices
from infnet_monai.handlers import BestModel, ConsistencyUpdate, LastCheckpoint, LearningCurve

CONFIGS = Path(__file__).parents[2] / "bundles" / "infnet_efficientnet_lite0" / "configs"
OVERLAYS = ("train_best", "train_semi", "multi_gpu_train", "evaluate", "evaluate_best", "multi_gpu_evaluate")
# A federated site trains and validates by one configuration: fl.json goes over no evaluation.
WITH_FL = [(overlay, "fl") for overlay in ("train_best", "train_semi", "multi_gpu_train")]
SMALL = {"network_def#backbone": "resnet18", "image_size": [32, 32], "pretrained": False, "amp": False, "device": "cpu"}


@pytest.fixture
def process_group(tmp_path):
    """A process group of this process alone, as DistributedDataParallel needs one."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    leave_ranks()


def files(*overlays):
    return [str(CONFIGS / f"{name}.json") for name in ("train", *overlays)]


def write_unlabelled(folder):
    folder.mkdir()
    for k in range(3):
        Image.new("L", (40, 32), 40 * k).save(folder / f"{k}.png")


def handlers_of(engine):
    """The objects whose methods are attached to an engine."""
    return {
        getattr(handler, "__self__", None) for attached in engine._event_handlers.values() for handler, *_ in attached
    }


@pytest.mark.parametrize("pair", [*combinations(OVERLAYS, 2), *WITH_FL], ids="+".join)
def test_order_of_two_overlays_does_not_matter(pair):
    one, other = (ConfigParser.load_config_files(files(*order)) for order in (pair, pair[::-1]))
    assert one == other


@pytest.mark.parametrize("overlay", [*OVERLAYS, "fl"])
def test_overlays_name_items_that_are_there_and_no_list_positions(overlay):
    recipe = ConfigParser(ConfigParser.load_config_files(files()))
    for name in ConfigParser.load_config_file(str(CONFIGS / f"{overlay}.json")):
        assert not any(part.isdigit() for part in name.split("#"))
        if "#" in name:
            assert name in recipe


@pytest.mark.parametrize("order", [*combinations(OVERLAYS, 2), *combinations(OVERLAYS[::-1], 2)], ids="+".join)
def test_each_ordered_pair_gives_engines_that_validate_what_is_saved(
    order, process_group, tiny_dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    places = {"dataset_dir": str(tiny_dataset), "ckpt_dir": str(tmp_path), "output_dir": str(tmp_path)}
    if "train_semi" in order:
        places["unlabelled_dir"] = str(tmp_path / "unlabelled")
        write_unlabelled(tmp_path / "unlabelled")
    workflow = ConfigWorkflow(files(*order), workflow_type="train", logging_file=False, initialize=[], **SMALL | places)
    workflow.initialize()
    assert workflow.check_properties() == []
    get = workflow.parser.get_parsed_content
    network, trainer, evaluator = get("network"), get("train#trainer"), get("validate#evaluator")
    averaged = "train_best" in order
    trained = get("train#average").ema_model if averaged else network
    assert get("best_model").network is trained
    assert evaluator.network is (network if "evaluate" in order else trained)
    assert isinstance(trainer.network, DistributedDataParallel) == ("multi_gpu_train" in order)
    assert getattr(trainer.network, "module", trainer.network) is network
    update = get("train#trainer#iteration_update")
    assert isinstance(update, ConsistencyUpdate) == ("train_semi" in order)
    assert getattr(update, "teacher", trained) is trained
    kinds = {type(handler) for handler in handlers_of(trainer)}
    assert {LearningCurve, LastCheckpoint} <= kinds
    assert (EMAHandler in kinds) == averaged
    assert (BestModel in {type(handler) for handler in handlers_of(evaluator)}) == ("evaluate" not in order)


def test_mean_and_deviation_follow_the_backbone():
    for config in ("train", "inference"):
        parser = ConfigParser(ConfigParser.load_config_files([str(CONFIGS / f"{config}.json")]))
        for backbone, mean in (("efficientnet_lite0", 0.5), ("resnet18", 0.485), ("efficientnet_lite0", 0.5)):
            parser["network_def#backbone"] = backbone
            _, normalize = parser.get_parsed_content("normalization")
            assert normalize.normalizer.subtrahend[0] == mean


@pytest.mark.parametrize(("given", "values"), [(None, [0, 1]), ([1], [0, 1]), ([2], [0])])
def test_lesion_labels_that_the_user_gives_win_over_those_of_the_data_set(given, values, tiny_dataset):
    path = tiny_dataset / "dataset.json"
    path.write_text(path.read_text().replace('"training"', '"lesion_labels": [1, 2], "training"'))
    parser = ConfigParser(ConfigParser.load_config_files(files()))
    parser.update({**SMALL, "dataset_dir": str(tiny_dataset), "lesion_labels": given, "positive_only": False})
    for section in ("train", "validate"):
        item = parser.get_parsed_content(f"{section}#dataset")[0]
        assert set(item["label"][:1].unique().tolist()) <= set(values)
    volumes = parser.get_parsed_content("train#dataset").volumes
    assert volumes[0]["label"].unique().tolist() == values


@pytest.mark.parametrize("order", [("train_best", "multi_gpu_train"), ("multi_gpu_train", "train_best")], ids="+".join)
@pytest.mark.parametrize(("positive_only", "positions"), [("false", 10), ("true", 8)])
def test_balanced_slices_replace_the_distributed_sampler(order, positive_only, positions, process_group, tiny_dataset):
    parser = ConfigParser(ConfigParser.load_config_files(files(*order)))
    parser.update({**SMALL, "dataset_dir": str(tiny_dataset), "positive_only": positive_only})
    loader = parser.get_parsed_content("train#dataloader")
    assert isinstance(loader.sampler, BalancedSlices)
    assert len(loader.dataset) == positions
    assert len(loader.sampler) == {10: 12, 8: 8}[positions]  # eight slices with lesion are two thirds of twelve


def test_neighbours_reach_the_network_alike_in_training_and_validation(tiny_dataset):
    parser = ConfigParser(ConfigParser.load_config_files(files()))
    parser.update({**SMALL, "dataset_dir": str(tiny_dataset), "neighbour_mm": 5})
    parser["validate#dataset#data"] = parser["train#dataset#data"]
    trained, validated = (parser.get_parsed_content(f"{section}#dataset")[0] for section in ("train", "validate"))
    assert trained["image"].shape == (3, 32, 32)
    assert trained["image"].shape[0] == validated["image"].shape[0] == 3
    assert torch.equal(torch.as_tensor(trained["image"]), validated["image"][..., trained["slice"]].as_tensor())
    assert not torch.equal(trained["image"][0] * 0.229 + 0.485, trained["image"][1] * 0.224 + 0.456)
