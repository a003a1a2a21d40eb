"""Every bundle has what the model zoo and the hub check: metadata that are true, a README with its headings."""

import json
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
import yaml
from monai.bundle import ConfigParser

from infnet_monai import __version__
from infnet_monai.bundle.generate import BUNDLES
from infnet_monai.label_scheme import LabelScheme

BUNDLES_DIR = Path(__file__).parents[2] / "bundles"
HEADINGS = (
    "# Model Overview",
    "## Authors",
    "## Tags",
    "## Model Description",
    "# Data",
    "## Preprocessing",
    "# Training Configuration",
    "## Input",
    "## Output",
    "# System Configuration",
    "# Performance",
    "## TensorRT",
    "# Usage",
    "# Limitations",
    "# Citation",
    "# References",
    "# License",
)


@pytest.fixture(params=BUNDLES, ids=lambda entry: entry.name)
def bundle(request):
    return BUNDLES_DIR / request.param.name


@pytest.fixture
def metadata(bundle):
    return json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))


def test_the_network_takes_and_gives_what_the_metadata_say(bundle, metadata):
    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "inference.json"))
    given, taken = (metadata["network_data_format"][key] for key in ("inputs", "outputs"))
    values = {name: int(value) for value, name in taken["pred"]["channel_def"].items() if int(value)}
    parser["label_scheme"] = LabelScheme.from_names(values)  # those beside the weights, once the bundle is trained
    network = parser.get_parsed_content("network_def").eval()
    image = torch.zeros(1, given["image"]["num_channels"], *given["image"]["spatial_shape"])
    with torch.no_grad():
        pred = network(image)
    assert pred.shape == (1, taken["pred"]["num_channels"], *taken["pred"]["spatial_shape"])
    assert len(given["image"]["channel_def"]) == given["image"]["num_channels"]
    # The values of masks, from which MONAI Label takes the classes: the background has no channel of its own.
    assert list(taken["pred"]["channel_def"]) == [str(value) for value in range(taken["pred"]["num_channels"] + 1)]


def test_versions_are_those_of_the_package_and_of_what_is_installed_by_name(metadata):
    assert metadata["version"] == __version__
    assert __version__ in metadata["changelog"]
    assert all(version(name) for name in metadata["required_packages_version"])


def test_metrics_and_data_are_stated_exactly_where_weights_are_shipped(bundle, metadata):
    has_note = "No weights are shipped" not in (bundle / "docs" / "README.md").read_text(encoding="utf-8")
    assert bool(metadata["eval_metrics"]) == has_note
    assert ("no weights are shipped" not in metadata["data_source"]) == has_note
    assert not has_note or (bundle / "models" / "model.pt").is_file()


def test_the_readme_has_the_head_and_the_headings_in_their_order(bundle):
    text = (bundle / "docs" / "README.md").read_text(encoding="utf-8")
    empty, head, body = text.split("---\n", 2)
    assert empty == ""
    assert yaml.safe_load(head)["library_name"] == "monai"
    assert yaml.safe_load(head)["license"] == "mit"
    lines = body.splitlines()
    places = [lines.index(heading) for heading in HEADINGS]
    assert places == sorted(places)
