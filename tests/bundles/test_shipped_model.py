"""The model that comes with the repository."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from infnet_monai.inference import Segmenter
from infnet_monai.phantom import phantom_dataset_dir

MODEL = Path(__file__).parents[2] / "bundles" / "infnet_efficientnet_lite0" / "models" / "model.pt"


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter(device="cpu")


def dice(mask, reference):
    return 2 * (mask & reference).sum() / (mask.sum() + reference.sum())


def test_is_small_enough_for_a_repository():
    assert MODEL.stat().st_size <= 25e6


def test_finds_most_of_the_lesions_of_a_phantom_that_it_was_not_trained_on(segmenter):
    folder = Path(phantom_dataset_dir())
    reference = np.asarray(nib.load(folder / "labels" / "phantom_2.nii.gz").dataobj) > 0
    assert dice(segmenter.segment(folder / "images" / "phantom_2.nii.gz").mask > 0, reference) > 0.7


def test_has_the_stated_dice_on_the_held_out_volume(segmenter, test_data):
    folder = test_data / "medseg_volumes"
    reference = np.asarray(nib.load(folder / "infection" / "medseg_1.nii.gz").dataobj) > 0
    assert dice(segmenter.segment(folder / "images" / "medseg_1.nii.gz").mask > 0, reference) == pytest.approx(
        0.785, abs=0.01
    )
