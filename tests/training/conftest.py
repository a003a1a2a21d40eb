import json
import os

import pytest

from infnet_monai.training import BundleTraining, Recipe


@pytest.fixture
def training(tmp_path):
    """A training of four epochs that has not been started."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset.json").write_text(json.dumps({"training": []}))
    return BundleTraining(
        name="Test",
        recipe=Recipe.find("efficientnet_lite0", overrides={"image_size": [32, 32]}),
        folder=tmp_path / "run",
        dataset_dir=tmp_path / "data",
        epochs=4,
        facts={"group_size": 5},
    )


@pytest.fixture
def no_lock():
    """A file descriptor in the place of a lock's."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    yield descriptor
    os.close(descriptor)
