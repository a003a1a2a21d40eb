import logging

import pytest
import torch
from monai.data import MetaTensor

from infnet_monai.errors import InputError
from infnet_monai.lungs import LungMaskd
from infnet_monai.transforms import LungWindowd, intensity_kind, lung_window


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([-1000, 40], "hu"),
        ([0, 255], "grey"),
        ([0.0, 1.0], "unit"),
        ([-101, -101], "hu"),
        ([-5, 260], "grey"),
        ([-0.02, 1.02], "unit"),
        ([0, 0], "unit"),
    ],
)
def test_kind_of_intensities(values, kind):
    assert intensity_kind(torch.tensor(values, dtype=torch.float32)) == kind


@pytest.mark.parametrize(
    ("values", "likeness"),
    [
        ([0, 174, 1064], "HU shifted by about +1024. Subtract 1024, or say"),
        ([0, 10000, 65535], "scaled by about"),
        ([-50, -40, 200], "scaled by about"),
        ([0, 3], "normalised"),
        ([-1, 1], "normalised"),
        ([-0.03, 1], "normalised"),
        ([0, 15.9], "normalised"),
    ],
)
def test_what_is_neither_is_refused_and_named(values, likeness):
    with pytest.raises(InputError, match="neither HU") as caught:
        intensity_kind(torch.tensor(values, dtype=torch.float32))
    assert likeness in str(caught.value)


def test_windows():
    hu = torch.tensor([-3000.0, -1350.0, -600.0, 150.0, 2000.0])
    assert lung_window(hu).tolist() == [0, 0, 0.5, 1, 1]
    assert lung_window(torch.tensor([0.0, 51.0, 255.0])).tolist() == pytest.approx([0, 0.2, 1])
    assert lung_window(torch.tensor([-0.01, 0.5, 1.01])).tolist() == [0, 0.5, 1]
    assert lung_window(torch.tensor([-1000.0, 0.0]), window_hu=(-1000, 1000)).tolist() == [0, 0.5]


def test_unknown_kind_is_refused_before_a_scan_is_read():
    with pytest.raises(InputError, match="intensity must be"):
        lung_window(torch.zeros(2), intensity="bone")
    for transform in (LungWindowd, LungMaskd):
        with pytest.raises(InputError, match="intensity must be 'auto', 'hu', 'grey' or 'unit', got 'HU'"):
            transform("image", intensity="HU")


def test_dictionary_transform_notes_and_announces_each_kind_once(caplog):
    transform = LungWindowd("image")
    item = {"image": MetaTensor(torch.full((1, 2, 2, 2), 51.0), meta={"filename_or_obj": "a.nii"})}
    with caplog.at_level(logging.INFO):
        first = transform(item)["image"]
        transform(item)
    assert first.meta["intensity"] == "grey"
    assert torch.allclose(first.as_tensor(), torch.tensor(0.2))
    assert [r.getMessage() for r in caplog.records] == [
        "Intensities: not HU but grey levels 0 to 255, taken as a lung window (first seen in a.nii)."
    ]


def test_refusal_names_the_file():
    item = {"image": MetaTensor(torch.full((1, 2, 2, 2), 3000.0), meta={"filename_or_obj": "a.nii"})}
    with pytest.raises(InputError, match=r"a\.nii: intensities"):
        LungWindowd("image")(item)
    assert LungWindowd("image", intensity="hu")(item)["image"].max() == 1
