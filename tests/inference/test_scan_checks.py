import pytest
import torch
from monai.data import MetaTensor

from infnet_monai.inference import LogWarningsd
from infnet_monai.inference.scan_checks import scan_warnings
from infnet_monai.scans import Acceptance, ScanSkipped

NO_LUNGS = "no lungs were found; the whole slices were segmented, and nothing outside the chest was removed"


@pytest.fixture
def image():
    volume = MetaTensor(torch.zeros(1, 2, 2, 2))
    volume.meta |= {"filename_or_obj": "ct.nii", "warnings": ["It is tilted.", "It is tilted."]}
    return volume


def lungs(value):
    return MetaTensor(torch.full((1, 2, 2, 2), value, dtype=torch.uint8))


def test_warnings_are_given_once_and_lungs_that_were_not_found_come_last(image):
    assert scan_warnings(image, lungs(1), lung_crop=True) == ("It is tilted.",)
    assert scan_warnings(image, lungs(0), lung_crop=True) == ("It is tilted.", NO_LUNGS)
    assert scan_warnings(image, lungs(0), lung_crop=False) == ("It is tilted.",)


def test_pictures_are_never_without_lungs(image):
    image.meta["spacing_known"] = False
    assert scan_warnings(image, lungs(0), True, Acceptance()) == ("It is tilted.",)


def test_a_scan_without_lungs_is_skipped_unless_that_is_accepted(image):
    with pytest.raises(ScanSkipped, match=r"ct\.nii: no lungs found") as caught:
        scan_warnings(image, lungs(0), True, Acceptance())
    assert caught.value.reason.startswith("no lungs found: ")
    assert scan_warnings(image, lungs(0), True, Acceptance(("no-lungs",)))[-1] == NO_LUNGS
    assert scan_warnings(image, lungs(0), True, Acceptance(all_scans=True))[-1] == NO_LUNGS


def test_the_label_server_logs_what_it_does_not_show_and_skips_nothing(image, caplog):
    item = {"image": image, "lungs": lungs(0)}
    assert LogWarningsd("image")(item) == item
    assert caplog.messages == ["ct.nii: It is tilted.", f"ct.nii: {NO_LUNGS}"]
    caplog.clear()
    image.meta["scan_name"] = "ct"  # of a ScanDataset, which has logged them
    LogWarningsd("image")(item)
    assert caplog.messages == []
