"""Golden weights and images: made by the recipe that made them for the authors' networks, not stored."""

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

GOLDEN = Path(__file__).parents[1] / "fixtures" / "golden"


def golden_shapes(name):
    """Key and shape of every tensor of the authors' state dict."""
    lines = (GOLDEN / f"{name}_state_dict.tsv").read_text().splitlines()
    pairs = (line.split("\t") for line in lines)
    return {key: tuple(int(length) for length in shape.split(",") if length) for key, shape in pairs}


def draw(key, shape):
    generator = np.random.default_rng(zlib.crc32(f"0:{key}".encode()))
    if key.endswith("running_var") or (len(shape) == 1 and key.endswith("weight")):
        return generator.uniform(0.5, 1.5, shape)
    deviation = 0.1 if len(shape) == 1 else np.sqrt(1 / np.prod(shape[1:]))
    return generator.normal(0, deviation, shape)


@pytest.fixture(scope="session")
def golden_weights():
    """A function from the name of an authors' network to its golden state dict."""

    def make(name):
        return {
            key: torch.from_numpy(draw(key, shape).astype(np.float32)) if shape else torch.tensor(0)
            for key, shape in golden_shapes(name).items()
        }

    return make


@pytest.fixture(scope="session")
def authors_shapes():
    """A function from the name of an authors' network to the shapes of its state dict."""
    return golden_shapes


@pytest.fixture(params=[0, 1], ids=["one_64x64", "two_96x96"])
def golden_case(request):
    """The golden image and a function from (network, output) to the values that the authors' network gives for it."""
    shape = [(1, 3, 64, 64), (2, 3, 96, 96)][request.param]
    image = np.random.default_rng(request.param).normal(0, 1, shape).astype(np.float32)
    return torch.from_numpy(image), lambda name, output: np.load(GOLDEN / f"{name}.npz")[f"out{request.param}_{output}"]
