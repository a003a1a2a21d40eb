import numpy as np
import pytest
from PIL import Image
from tiny_semi import BrightnessNetwork

from infnet_monai.errors import InputError
from infnet_monai.semi.label_predictor import LabelPredictor
from infnet_monai.semi.pseudo_labels import write_label


@pytest.fixture
def make_predictor(options):
    def make(threshold=0.5):
        return LabelPredictor(options().recipe.parser(), threshold)

    return make


@pytest.fixture
def marked(tmp_path):
    """A dark picture of 48 rows and 40 columns, bright in its upper right corner."""
    pixels = np.full((48, 40), 20, np.uint8)
    pixels[:12, 30:] = 240
    Image.fromarray(pixels).save(tmp_path / "marked.png")
    return tmp_path / "marked.png"


@pytest.mark.parametrize("axes", ["PL", "LP", "LA", "RP", "AR"])
def test_label_fits_the_picture_as_a_file(make_predictor, marked, axes, tmp_path):
    mask = make_predictor().predict(BrightnessNetwork(), str(marked), axes)
    write_label(mask, tmp_path / "label.png")
    picture, label = (np.asarray(Image.open(path)) for path in (marked, tmp_path / "label.png"))
    assert label.shape == picture.shape
    assert np.mean((label > 0) == (picture > 100)) > 0.98
    assert label[0, -1] == 255
    assert label[0, 0] == label[-1, 0] == label[-1, -1] == 0


def test_threshold_is_a_probability(make_predictor, marked):
    network = BrightnessNetwork()  # the dark part gets a logit of 3 * (2 * 20 / 255 - 1) = -2.5, probability 0.074
    assert make_predictor(0.06).predict(network, str(marked), "PL").all()
    assert not make_predictor(0.09).predict(network, str(marked), "PL").all()


def test_network_is_left_in_eval_mode_without_gradients(make_predictor, marked):
    network = BrightnessNetwork().train()
    make_predictor().predict(network, str(marked), "PL")
    assert not network.training
    assert network.weight.grad is None


def test_wrong_axes_are_named(make_predictor, marked):
    with pytest.raises(InputError, match="axes='XY': expected two letters"):
        make_predictor().predict(BrightnessNetwork(), str(marked), "XY")
