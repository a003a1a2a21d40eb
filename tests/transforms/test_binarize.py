import torch
from monai.data import MetaTensor
from monai.transforms import AsDiscreted, CastToTyped, Compose, CopyItemsd

from infnet_monai.transforms import BinarizeMapd


def test_mask_and_map_are_those_of_three_transforms_of_monai():
    values = torch.tensor([0.0, 0.2, 0.4, 0.40001, 1.0]).reshape(1, 5, 1, 1)
    affine = torch.diag(torch.tensor([2.0, 3.0, 4.0, 1.0], dtype=torch.float64))
    by_monai = Compose(
        [CopyItemsd("pred", 1, "map"), AsDiscreted("pred", threshold=0.4), CastToTyped("pred", torch.uint8)]
    )({"pred": MetaTensor(values.clone(), affine=affine)})
    item = BinarizeMapd("pred", "map", 0.4)({"pred": MetaTensor(values.clone(), affine=affine)})
    for key in ("pred", "map"):
        assert torch.equal(item[key].as_tensor(), by_monai[key].as_tensor())
        assert torch.equal(item[key].affine, affine)
        assert item[key].dtype == by_monai[key].dtype
    item["map"].meta["note"] = 1
    assert "note" not in item["pred"].meta
