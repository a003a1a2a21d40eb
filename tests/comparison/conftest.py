from pathlib import Path

import pytest
from written_runs import FakeBundles

from infnet_monai.comparison.options import ComparisonOptions
from infnet_monai.training.methods import find_methods

BUNDLES_DIR = Path(__file__).parents[2] / "bundles"


@pytest.fixture
def options(tiny_dataset, tmp_path):
    """Make the options of a comparison of two bundles."""

    def make(**changes):
        methods = find_methods(changes.pop("bundles", ["vgg16", "efficientnet_lite0"]), [], BUNDLES_DIR)
        settings = {"dataset_dir": tiny_dataset, "output_dir": tmp_path / "out", "methods": methods, "epochs": 2}
        return ComparisonOptions(**settings | changes)

    return make


@pytest.fixture
def fake_bundles(monkeypatch):
    """Child processes that train nothing."""
    fake = FakeBundles()
    monkeypatch.setattr("infnet_monai.comparison.runs.run_child", fake)
    return fake
