import pytest
import timm

from infnet_monai.errors import InputError
from infnet_monai.networks import get_backbone, list_backbones
from infnet_monai.networks.registry import IMAGENET_MEAN, IMAGENET_STD

TIMM_BACKBONES = [name for name in list_backbones() if get_backbone(name).timm_name]


def test_list_backbones_names_those_of_the_report_and_light_ones():
    assert list_backbones() == [
        "res2net50",
        "iresnet50",
        "resnest50",
        "resnet50",
        "resnext50",
        "vgg16",
        "efficientnet_lite0",
        "efficientnet_lite1",
        "efficientnet_lite2",
    ]


@pytest.mark.parametrize("name", TIMM_BACKBONES)
def test_entry_agrees_with_timm(name):
    backbone = get_backbone(name)
    config = timm.get_pretrained_cfg(backbone.timm_name)
    assert backbone.mean == config.mean
    assert backbone.std == config.std
    assert backbone.weights == f"https://huggingface.co/{config.hf_hub_id}"
    licence = "not stated" if config.license == "unknown" else config.license
    assert backbone.licence.lower() == licence


def test_iresnet50_names_the_authors_file():
    backbone = get_backbone("iresnet50")
    assert "1Waw3ob8KPXCY9iCLdAD6RUA0nvVguc6K" in backbone.weights
    assert (backbone.mean, backbone.std) == (IMAGENET_MEAN, IMAGENET_STD)


def test_other_timm_model_takes_its_account_from_timm():
    backbone = get_backbone("convnextv2_nano")
    assert backbone.licence == "cc-by-nc-4.0"
    assert backbone.weights == "https://huggingface.co/timm/convnextv2_nano.fcmae_ft_in22k_in1k"
    assert get_backbone("resnet50.tv_in1k").licence == "bsd-3-clause"


def test_timm_model_without_weights():
    backbone = get_backbone("cspresnet50d")
    assert (backbone.weights, backbone.licence) == ("none", "not stated")


def test_unknown_name_lists_the_legal_ones_and_close_matches():
    with pytest.raises(
        InputError, match=r"unknown backbone 'res2net5O': expected one of res2net50, iresnet50"
    ) as error:
        get_backbone("res2net5O")
    assert "Close matches: res2net50" in str(error.value)


@pytest.mark.parametrize("name", ["resnet50.no_such_tag", "", "qqqqqqqq"])
def test_name_without_a_model_or_tag_is_refused(name):
    with pytest.raises(InputError, match="unknown backbone"):
        get_backbone(name)
