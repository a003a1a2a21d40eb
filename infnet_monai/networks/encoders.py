"""The encoder contract and the registry of the backbones.

An encoder is a module that maps an image ``(B, in_channels, H, W)`` to four features, low level first, and says what
they are in its attributes ``channels`` and ``strides``. For ResNet50 and a 352 x 352 image:

=======  =========  ======  ==================
feature  level      stride  shape
=======  =========  ======  ==================
f2       low        4       ``(B, 256, 88, 88)``
f3       high       8       ``(B, 512, 44, 44)``
f4       high       16      ``(B, 1024, 22, 22)``
f5       high       32      ``(B, 2048, 11, 11)``
=======  =========  ======  ==================

The high-level features follow each other at half the size. Any height and width of at least the deepest stride works.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import timm
from timm.models import is_model
from torch import Tensor, nn

from infnet_monai.errors import InputError
from infnet_monai.networks.pretrained import load_encoder_weights

__all__ = ["Backbone", "Encoder", "create_encoder", "get_backbone", "list_backbones"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Backbone:
    """A registry entry: how an encoder is built and what its ImageNet weights expect.

    Attributes:
        name: Name in this package.
        timm_name: Name of the timm model, or ``None`` where the encoder is written here.
        out_indices: Indices of the timm features f2, f3, f4, f5.
        mean: Channel means that the ImageNet weights expect, for images in [0, 1].
        std: Channel standard deviations that the ImageNet weights expect.
        weights: Where the ImageNet weights come from.
        licence: Licence of these weights.
        build: Constructor ``(in_channels) -> Encoder`` of an encoder written here.
    """

    name: str
    timm_name: str | None
    out_indices: tuple[int, ...] = (1, 2, 3, 4)
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    weights: str = "timm hub"
    licence: str = "see the model's page in timm"
    build: Callable[[int], Encoder] | None = None


class Encoder(nn.Module):
    """Four features of an image; subclasses or wrapped modules follow the contract of this module.

    Args:
        features: Module that maps an image to a list of four features, low level first.
        channels: Channels of the four features.
        strides: Strides of the four features against the image.
    """

    def __init__(self, features: nn.Module, channels: tuple[int, ...], strides: tuple[int, ...]):
        super().__init__()
        self.features = features
        self.channels = channels
        self.strides = strides
        self.weights_origin = "random"

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map ``(B, in_channels, H, W)`` to the features f2, f3, f4, f5."""
        return self.features(image)


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        Backbone("vgg16", "vgg16", out_indices=(0, 1, 2, 3), licence="BSD-3-Clause (torchvision)"),
    )
}


def list_backbones() -> list[str]:
    """Return the names of the registered backbones.

    Example:
        >>> "vgg16" in list_backbones()
        True
    """
    return list(BACKBONES)


def get_backbone(name: str) -> Backbone:
    """Return the registry entry of a backbone, or one made for any other timm model with ``features_only``.

    Args:
        name: Registered name, or a timm model's name.

    Raises:
        InputError: The name is neither; the message lists the registered names and close matches.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    if not is_model(name):
        close = difflib.get_close_matches(name, [*BACKBONES, *timm.list_models()], n=5)
        hint = f" Close matches: {', '.join(close)}." if close else ""
        raise InputError(
            f"unknown backbone {name!r}: expected one of {', '.join(BACKBONES)} or a timm model's name.{hint}"
        )
    config = timm.get_pretrained_cfg(name)
    mean, std = (config.mean, config.std) if config else (IMAGENET_MEAN, IMAGENET_STD)
    return Backbone(name, name, out_indices=(-4, -3, -2, -1), mean=mean, std=std)


def create_encoder(
    name: str,
    pretrained: bool | str = False,
    in_channels: int = 3,
    out_indices: tuple[int, ...] | None = None,
    pooling: str | None = None,
) -> Encoder:
    """Build the encoder of a backbone and load its weights.

    Args:
        name: Registered name, or a timm model's name.
        pretrained: See :class:`infnet_monai.networks.InfNet`.
        in_channels: Channels of the input image.
        out_indices: Indices of the four timm features to use; the registry's by default.
        pooling: ``"max"``, ``"avg"`` or ``None`` (the encoder's own); only VGG encoders can be changed.

    Raises:
        InputError: Unknown name, or weights that cannot be loaded.
        ValueError: ``out_indices`` or ``pooling`` do not fit the encoder.
    """
    backbone = get_backbone(name)
    if backbone.build is not None:
        if out_indices is not None:
            raise ValueError(f"out_indices cannot be changed for backbone {name!r}")
        encoder = backbone.build(in_channels)
    else:
        encoder = _create_timm_encoder(backbone, in_channels, out_indices or backbone.out_indices)
    if pooling is not None:
        _set_pooling(encoder, name, pooling)
    encoder.weights_origin = load_encoder_weights(encoder.features, backbone.timm_name, pretrained, in_channels)
    return encoder


def _create_timm_encoder(backbone: Backbone, in_channels: int, out_indices: tuple[int, ...]) -> Encoder:
    if len(out_indices) != 4:
        raise ValueError(f"out_indices must name four features (f2, f3, f4, f5), got {tuple(out_indices)}")
    try:
        features = timm.create_model(
            backbone.timm_name, features_only=True, out_indices=tuple(out_indices), in_chans=in_channels
        )
    except (RuntimeError, IndexError, AssertionError, TypeError) as error:
        raise InputError(
            f"backbone {backbone.name!r} cannot give the four features {tuple(out_indices)}: {error}"
        ) from error
    info = features.feature_info
    return Encoder(features, tuple(info.channels()), tuple(info.reduction()))


def _set_pooling(encoder: Encoder, name: str, pooling: str) -> None:
    if pooling not in ("max", "avg"):
        raise ValueError(f"pooling must be 'max', 'avg' or None, got {pooling!r}")
    if not name.startswith("vgg"):
        raise ValueError(f"pooling can be chosen for VGG backbones only, not for {name!r}")
    for key, module in encoder.features.named_children():
        if isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
            pool = nn.MaxPool2d(2, 2) if pooling == "max" else nn.AvgPool2d(2, 2)
            setattr(encoder.features, key, pool)
