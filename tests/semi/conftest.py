import pytest
from tiny_semi import TINY, write_labelled, write_pictures, write_weights

from infnet_monai.semi.options import PropagationOptions
from infnet_monai.training import Recipe


@pytest.fixture
def options(tmp_path):
    """Make the options of a propagation over six unlabelled slices in groups of two."""
    labelled, unlabelled = write_labelled(tmp_path / "labelled"), write_pictures(tmp_path / "unlabelled")
    weights = write_weights(tmp_path / "model.pt")

    def make(overrides=TINY, overlays=(), **changes):
        settings = {
            "dataset_dir": labelled,
            "unlabelled_dir": unlabelled,
            "output_dir": tmp_path / "out",
            "recipe": Recipe.find("efficientnet_lite0", overlays, overrides),
            "weights": weights,
            "group_size": 2,
            "iterations": 3,
        }
        return PropagationOptions(**settings | changes)

    return make
