import pytest
from written_runs import FakeBundles

from infnet_monai.comparison.options import ComparisonOptions, find_methods


@pytest.fixture
def options(tiny_dataset, tmp_path):
    """Make the options of a comparison of two bundles."""

    def make(**changes):
        methods = find_methods(changes.pop("bundles", ["vgg16", "efficientnet_lite0"]), [])
        settings = {"dataset_dir": tiny_dataset, "output_dir": tmp_path / "out", "methods": methods, "epochs": 2}
        return ComparisonOptions(**settings | changes)

    return make


@pytest.fixture
def fake_bundles(monkeypatch):
    """Child processes that train nothing."""
    fake = FakeBundles()
    monkeypatch.setattr("infnet_monai.training.child.run_child", fake)
    return fake
