import pytest
import torch
from torch import nn

from infnet_monai.errors import InputError
from infnet_monai.networks.encoders import create_encoder


@pytest.mark.parametrize(
    ("name", "channels", "strides"),
    [
        ("mobilenetv3_large_100", (24, 40, 112, 960), (4, 8, 16, 32)),
        ("convnextv2_atto", (40, 80, 160, 320), (4, 8, 16, 32)),
        ("test_resnet", (32, 48, 192, 96), (4, 8, 16, 32)),
        ("resnet18.a1_in1k", (64, 128, 256, 512), (4, 8, 16, 32)),
    ],
)
def test_any_timm_model_gives_its_last_four_features(name, channels, strides):
    encoder = create_encoder(name).eval()
    assert (encoder.channels, encoder.strides) == (channels, strides)
    assert (encoder.minimum_size, encoder.size_divisor) == (32, 1)
    assert encoder.weights_origin == "random"
    with torch.no_grad():
        features = encoder(torch.zeros(1, 3, 64, 96))
    expected = [(1, width, 64 // stride, 96 // stride) for width, stride in zip(channels, strides, strict=True)]
    assert [tuple(feature.shape) for feature in features] == expected


def test_encoder_is_handed_over_in_train_mode():
    assert create_encoder("test_resnet").training


def test_out_indices_choose_the_features():
    assert create_encoder("resnet18", out_indices=(0, 1, 2, 3)).strides == (2, 4, 8, 16)
    official = create_encoder("vgg16", out_indices=(1, 2, 3, 4))
    assert (official.channels, official.strides) == ((128, 256, 512, 512), (2, 4, 8, 16))


@pytest.mark.parametrize(
    ("pooling", "kept", "gone"), [("avg", nn.AvgPool2d, nn.MaxPool2d), ("max", nn.MaxPool2d, nn.AvgPool2d)]
)
def test_pooling_of_vgg_is_chosen(pooling, kept, gone):
    layers = list(create_encoder("vgg16", pooling=pooling).modules())
    assert sum(isinstance(layer, kept) for layer in layers) == 3
    assert not any(isinstance(layer, gone) for layer in layers)


def test_average_pooling_averages():
    with_max, with_mean = create_encoder("vgg16", out_indices=(0, 1, 2, 3)), create_encoder("vgg16", pooling="avg")
    with_mean.load_state_dict(with_max.state_dict())
    image = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        shallow, deep = with_max(image), with_mean(image)
    assert torch.equal(shallow[0], deep[0])
    assert deep[1].mean() < shallow[1].mean()


@pytest.mark.parametrize(("size", "padded"), [((100, 31), "100 x 32"), ((1, 1), "32 x 32")])
def test_image_below_the_deepest_stride_is_answered_with_the_size_to_pad_to(size, padded):
    encoder = create_encoder("test_resnet").eval()
    assert len(encoder(torch.zeros(1, 3, 32, 100))) == 4
    with pytest.raises(ValueError, match=f"{size[0]} x {size[1]} pixels: pad it to {padded}"):
        encoder(torch.zeros(1, 3, *size))


def test_encoder_that_wants_multiples_says_so():
    encoder = create_encoder("dla34").eval()
    assert encoder.size_divisor == 32
    with pytest.raises(ValueError, match="65 x 96 pixels: pad it to 96 x 96"):
        encoder(torch.zeros(1, 3, 65, 96))
    assert len(encoder(torch.zeros(1, 3, 64, 96))) == 4


def test_encoder_without_padding_wants_larger_images():
    encoder = create_encoder("inception_v3").eval()
    assert (encoder.minimum_size, encoder.size_divisor) == (128, 1)
    with pytest.raises(ValueError, match="64 x 129 pixels: pad it to 128 x 129"):
        encoder(torch.zeros(1, 3, 64, 129))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("test_vit", r"'test_vit' has features of strides \(16, 16, 16, 16\)"),
        ("coat_tiny", "'coat_tiny' gives no feature maps .* for an image of 128 x 160 pixels"),
        ("mambaout_femto", "'mambaout_femto' gives no feature maps"),
        ("efficientvit_m0", r"'efficientvit_m0' cannot give the four features \(-4, -3, -2, -1\)"),
        ("test_mambaout", "'test_mambaout' gives no feature maps"),
        ("resmlp_12_224", "'resmlp_12_224'"),
    ],
)
def test_encoder_without_four_features_of_any_size_is_refused(name, message):
    with pytest.raises(InputError, match=message):
        create_encoder(name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": "resnet18", "out_indices": (1, 2, 3)},
            r"must name four features \(f2, f3, f4, f5\), got \(1, 2, 3\)",
        ),
        ({"name": "resnet18", "out_indices": (2, 3, 4, 5)}, r"cannot give the four features \(2, 3, 4, 5\)"),
        ({"name": "resnet18", "out_indices": (4, 3, 2, 1)}, r"strides \(32, 16, 8, 4\)"),
        ({"name": "iresnet50", "out_indices": (0, 1, 2, 3)}, "out_indices cannot be changed for backbone 'iresnet50'"),
        ({"name": "vgg16", "pooling": "mean"}, "pooling must be 'max', 'avg' or None, got 'mean'"),
        ({"name": "resnet18", "pooling": "avg"}, "pooling can be chosen for VGG backbones only, not for 'resnet18'"),
    ],
)
def test_layout_that_does_not_fit_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        create_encoder(**arguments)
