"""COVID-SemiSeg as it is distributed: slices on their side, edge maps from file, each slice of its own size."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from monai.bundle import ConfigWorkflow
from PIL import Image

from infnet_monai.comparison.examples import load_example
from infnet_monai.comparison.plan import EVALUATION
from infnet_monai.files import write_json
from infnet_monai.preparation.prepare import prepare_dataset

CONFIGS = Path(__file__).parents[2] / "bundles" / "infnet_efficientnet_lite0" / "configs"
STORED = (64, 96)


@pytest.fixture
def dataset(tmp_path):
    rng = np.random.default_rng(0)
    for name, (rows, columns) in {"1": STORED, "2": STORED, "3": (70, 50)}.items():
        mask = np.zeros((rows, columns), np.uint8)
        mask[10:30, 5:25] = 255
        edge = np.zeros_like(mask)
        edge[40:44, 8] = 255  # no contour of the mask: to be known again
        image = rng.integers(0, 80, mask.shape, dtype=np.uint8)
        for folder, picture in (("Imgs", image), ("GT", mask), ("Edge", edge)):
            (tmp_path / "set" / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(tmp_path / "set" / folder / f"{name}.png")
    return prepare_dataset(tmp_path / "set", training=["1"], validation=["2"], test=["3"]).path.parent


@pytest.fixture
def workflow(dataset, tmp_path, monkeypatch):
    """A comparison's evaluation, with a network of one convolution and nothing trained."""
    monkeypatch.setattr("sys.excepthook", None)
    config = {
        "network_def": {"_target_": "torch.nn.Conv2d", "in_channels": 3, "out_channels": 1, "kernel_size": 1},
        "backbone": "$infnet_networks.get_backbone('efficientnet_lite0')",
        "image_size": [STORED[1], STORED[0]],
        "amp": False,
        "lung_crop": False,
    }
    write_json(config, tmp_path / "config.json")
    write_json(EVALUATION, tmp_path / "evaluation.json")
    files = [CONFIGS / "train.json", tmp_path / "config.json", CONFIGS / "evaluate.json", tmp_path / "evaluation.json"]
    workflow = ConfigWorkflow(
        [str(file) for file in files],
        initialize=[],
        dataset_dir=str(dataset),
        output_dir=str(tmp_path / "test"),
        logging_file=False,
    )
    workflow.initialize()
    return workflow


def stored(dataset, folder, name):
    return np.asarray(Image.open(dataset / folder / f"{name}.png")) > 0


def test_training_sees_upright_masks_and_the_edges_of_the_files(workflow, dataset):
    (item,) = workflow.parser.get_parsed_content("train#dataset")
    mask, edge = np.asarray(item["label"])
    assert np.array_equal(mask, stored(dataset, "GT", "1").T)
    assert np.array_equal(edge, stored(dataset, "Edge", "1").T)


def test_evaluation_and_pictures_are_upright_at_the_slices_own_size(workflow, dataset, tmp_path):
    workflow.run()
    example = load_example(tmp_path / "test" / "examples" / "3.npz")
    reference = stored(dataset, "GT", "3").T
    assert np.array_equal(example.reference, reference)
    assert example.prediction.shape == reference.shape == (50, 70)
    assert np.array_equal(example.image, np.asarray(Image.open(dataset / "Imgs" / "3.png")).T)
    slices = pd.read_csv(tmp_path / "test" / "slices.csv")
    assert slices["case"].astype(str).tolist() == ["3"]
    assert slices["paper_mean_dice"].notna().all()
