from pathlib import Path

import nibabel as nib
import pytest
import torch
from band_network import OVERRIDES, BandNetwork

from infnet_monai.inference import Segmenter
from infnet_monai.phantom.phantom import Phantom, make_phantom


@pytest.fixture(scope="session")
def band_weights(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "model.pt"
    torch.save(BandNetwork().state_dict(), path)
    return path


@pytest.fixture(scope="session")
def segmenter(band_weights) -> Segmenter:
    """A loaded bundle whose network marks ground glass (and the rim of the chest wall) by its brightness."""
    return Segmenter(device="cpu", weights=band_weights, **OVERRIDES)


@pytest.fixture(scope="session")
def chest() -> Phantom:
    return make_phantom(1, shape=(88, 72, 10), spacing_mm=(4.0, 4.0, 20.0))


@pytest.fixture
def chest_file(chest, tmp_path) -> Path:
    path = tmp_path / "scans" / "chest.nii.gz"
    path.parent.mkdir()
    nib.save(nib.Nifti1Image(chest.image, chest.affine), path)
    return path
