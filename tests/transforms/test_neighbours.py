import pytest
import torch
from monai.data import MetaTensor
from tiny_cases import write_case

from infnet_monai.data import ScanPreprocessing
from infnet_monai.errors import InputError
from infnet_monai.transforms import NeighbourSlicesd
from infnet_monai.transforms.neighbours import neighbour_step


def volume(depth, spacing_mm):
    affine = torch.diag(torch.tensor([0.7, 0.7, spacing_mm, 1.0], dtype=torch.float64))
    return MetaTensor(torch.arange(float(depth)).expand(1, 2, 3, depth), affine=affine)


def channels(image, distance_mm):
    item = NeighbourSlicesd("image", distance_mm)({"image": image})
    return item["image"][:, 0, 0].tolist()


def test_neighbours_are_at_the_distance_in_mm_whatever_the_spacing():
    below, own, above = channels(volume(9, 2.5), 5)
    assert below == [0, 0, 0, 1, 2, 3, 4, 5, 6]
    assert own == list(range(9))
    assert above == [2, 3, 4, 5, 6, 7, 8, 8, 8]


def test_thick_slices_stand_for_themselves():
    assert channels(volume(3, 7.4), 5)[0] == [0, 0, 1]
    assert channels(volume(3, 7.6), 5) == [[0, 1, 2]] * 3
    assert [neighbour_step(5, spacing_mm) for spacing_mm in (0.5, 2, 7.5, 7.51)] == [10, 2, 1, 0]


def test_a_picture_is_repeated_whatever_its_spacing():
    assert channels(volume(1, 1.0), 5) == [[0]] * 3


def test_metadata_stay_and_zero_changes_nothing():
    image = volume(4, 5.0)
    near = NeighbourSlicesd("image", 5)({"image": image})["image"]
    assert torch.equal(near.affine, image.affine)
    assert NeighbourSlicesd("image", 0)({"image": image})["image"] is image


@pytest.mark.parametrize("distance", [-5, "5", True])
def test_impossible_distance_is_refused(distance):
    with pytest.raises(InputError, match=r"neighbour_mm .*: expected a distance in mm"):
        NeighbourSlicesd("image", distance)


def test_preprocessing_gives_the_middle_channel_that_it_gave_before(tmp_path):
    item = {"image": str(tmp_path / write_case(tmp_path, "case")["image"])}
    plain = ScanPreprocessing((32, 24))(item)["image"]
    near = ScanPreprocessing((32, 24), neighbour_mm=5)(item)["image"]
    assert near.shape == (3, *plain.shape[1:])
    assert torch.equal(near[1:2], plain)
    assert torch.equal(near[2, ..., :-1], plain[0, ..., 1:])
    assert torch.equal(near[0, ..., 1:], plain[0, ..., :-1])
