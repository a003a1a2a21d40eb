import pytest
import torch
from monai.data import MetaTensor

from infnet_monai.errors import InputError
from infnet_monai.transforms import CheckSameGridd, EdgeMapd, LesionMaskd, edge_map


def named(tensor, name, affine=None):
    return MetaTensor(tensor, affine=affine, meta={"filename_or_obj": name})


def test_edge_is_one_pixel_wide_and_inside():
    mask = torch.zeros(1, 7, 7)
    mask[:, 1:6, 1:6] = 1
    edge = edge_map(mask)
    assert edge.sum() == 16
    assert edge[0, 3, 3] == 0
    assert (edge <= mask).all()


def test_image_border_is_no_edge():
    mask = torch.ones(1, 5, 5)
    assert edge_map(mask).sum() == 0
    mask[:, :, 3:] = 0
    assert edge_map(mask)[0, :, 2].tolist() == [1] * 5


def test_edge_from_file_is_kept():
    drawn = torch.full((1, 5, 5), 1)
    item = EdgeMapd("label")({"label": torch.zeros(1, 5, 5), "edge": drawn})
    assert item["edge"] is drawn
    assert EdgeMapd("label")({"label": torch.zeros(1, 5, 5)})["edge"].sum() == 0


def test_lesion_labels_become_one():
    label = named(torch.tensor([0.0, 1, 2, 3]).reshape(1, 2, 2, 1), "m.nii")
    mask = LesionMaskd("label", lesion_labels=(1, 2), background_labels=(3,))({"label": label})["label"]
    assert mask.flatten().tolist() == [0, 1, 1, 0]
    assert mask.dtype == torch.uint8
    assert mask.meta["filename_or_obj"] == "m.nii"


def test_labels_of_the_data_set_come_before_the_defaults():
    label = named(torch.tensor([0.0, 1, 2, 3]).reshape(1, 2, 2, 1), "m.nii")
    item = {"label": label, "lesion_labels": [3], "background_labels": [1, 2]}
    assert LesionMaskd("label")(item)["label"].flatten().tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(("given", "mask"), [([2], [0, 0, 1, 0]), (2, [0, 0, 1, 0]), ([1, 3], [0, 1, 0, 1])])
def test_labels_that_are_given_win_over_those_of_the_data_set(given, mask):
    label = named(torch.tensor([0.0, 1, 2, 3]).reshape(1, 2, 2, 1), "m.nii")
    item = {"label": label, "lesion_labels": [1, 2], "background_labels": [3]}
    assert LesionMaskd("label", lesion_labels=given)(item)["label"].flatten().tolist() == mask


def test_background_that_is_given_wins_over_that_of_the_data_set():
    label = named(torch.tensor([0.0, 1, 2]).reshape(1, 3, 1, 1), "m.nii")
    item = {"label": label, "lesion_labels": [1], "background_labels": [2]}
    with pytest.raises(InputError, match="label values 2 are unknown"):
        LesionMaskd("label", background_labels=[4])(item)


def test_unknown_label_is_refused_by_name():
    label = named(torch.tensor([0.0, 7]).reshape(1, 2, 1, 1), "m.nii")
    with pytest.raises(InputError, match=r"m\.nii: label values 7 are unknown"):
        LesionMaskd("label")({"label": label})


def test_same_grid():
    image = named(torch.zeros(1, 2, 2, 2), "i.nii", torch.eye(4))
    item = {"image": image, "label": named(torch.zeros(1, 2, 2, 2), "m.nii", torch.eye(4))}
    check = CheckSameGridd(["image", "label"])
    assert check(item)["label"] is item["label"]
    with pytest.raises(InputError, match=r"m\.nii: does not fit i\.nii: shape \(2, 2, 3\)"):
        check({"image": image, "label": named(torch.zeros(1, 2, 2, 3), "m.nii", torch.eye(4))})
    with pytest.raises(InputError, match="affines differ"):
        check({"image": image, "label": named(torch.zeros(1, 2, 2, 2), "m.nii", 2 * torch.eye(4))})
