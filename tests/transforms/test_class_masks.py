import pytest
import torch
from monai.data import MetaTensor

from infnet_monai.errors import InputError
from infnet_monai.label_scheme import LabelScheme
from infnet_monai.transforms import BinarizeMapd, EdgeMapd, LesionMaskd, LesionPaste

SCHEME = LabelScheme.from_names({"ground glass": 1, "consolidation": 2, "effusion": 3})


def labels_of(*probabilities, threshold=0.5):
    """Labels of voxels with the three probabilities each."""
    maps = MetaTensor(torch.tensor(probabilities).T.reshape(3, 1, 1, -1))
    item = BinarizeMapd("pred", "probability", threshold, SCHEME)({"pred": maps})
    assert item["probability"].shape == maps.shape
    return item["pred"].flatten().tolist()


def test_the_most_probable_class_from_the_threshold_on_gets_the_voxel():
    assert labels_of((0.6, 0.9, 0.7), (0.49, 0.3, 0.2), (0.5, 0.1, 0.1), (0.1, 0.2, 0.8)) == [2, 0, 1, 3]


def test_the_earlier_of_two_classes_with_one_probability_wins():
    assert labels_of((0.7, 0.7, 0.1), (0.1, 0.5, 0.5), (0.2, 0.9, 0.9)) == [1, 2, 2]


def test_masks_of_uint8_are_taken_as_they_are():
    masks = MetaTensor(torch.tensor([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=torch.uint8).reshape(3, 1, 1, 4))
    assert BinarizeMapd("m", "kept", scheme=SCHEME)({"m": masks})["m"].flatten().tolist() == [0, 1, 2, 3]


def test_other_numbers_of_maps_than_classes_are_refused():
    with pytest.raises(
        InputError, match=r"gives 2 maps, but there are 3 classes \(ground glass, consolidation, effusion"
    ):
        BinarizeMapd("pred", "probability", scheme=SCHEME)({"pred": MetaTensor(torch.zeros(2, 1, 1, 1))})


def test_label_values_become_a_mask_for_each_class():
    item = LesionMaskd("label", scheme=SCHEME)({"label": MetaTensor(torch.tensor([[[0, 1, 2, 3, 2]]]))})
    assert item["label"].tolist() == [[[0, 1, 0, 0, 0]], [[0, 0, 1, 0, 1]], [[0, 0, 0, 1, 0]]]


def test_a_value_of_no_class_is_refused_unless_it_is_background():
    label = MetaTensor(torch.tensor([[0, 1, 4]]))
    with pytest.raises(InputError, match="label values 4 are unknown; lesion is 1, 2, 3"):
        LesionMaskd("label", scheme=SCHEME)({"label": label})
    item = LesionMaskd("label", scheme=SCHEME)({"label": label, "lesion_labels": [1, 2, 3], "background_labels": [4]})
    assert item["label"].sum() == 1


def test_edges_are_those_of_all_classes_together():
    masks = torch.zeros(2, 5, 6)
    masks[0, 1:4, 1:3] = 1
    masks[1, 1:4, 3:5] = 1
    edge = EdgeMapd("label")({"label": masks})["edge"]
    assert edge.shape == (1, 5, 6)
    assert edge[0, 2].tolist() == [0, 1, 0, 0, 1, 0]  # no edge where the classes meet


def test_pasted_lesions_keep_their_class():
    images, masks = torch.zeros(1, 1, 16, 16), torch.zeros(1, 2, 16, 16)
    masks[0, 1, 4:12, 4:12] = 1
    probability = torch.full((1, 2, 16, 16), 0.3)
    paste = LesionPaste(prob=1)
    paste.set_random_state(0)
    _, pasted = paste(images, probability, torch.ones(1, 1, 16, 16, dtype=torch.bool), images + 1, masks)
    inside = pasted[0, 1] == 1
    assert inside.any()
    assert (pasted[0, 0][inside] == 0).all()
    assert (pasted[0][:, ~inside] == 0.3).all()
