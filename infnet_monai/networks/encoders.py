"""The encoder contract, and encoders built from the registry or from timm.

An encoder is a module that maps an image ``(B, in_channels, H, W)`` to four features, low level first, and says what
they are in its attributes ``channels`` and ``strides``. For ResNet50 and a 352 x 352 image:

=======  =========  ======  ===================
feature  level      stride  shape
=======  =========  ======  ===================
f2       low        4       ``(B, 256, 88, 88)``
f3       high       8       ``(B, 512, 44, 44)``
f4       high       16      ``(B, 1024, 22, 22)``
f5       high       32      ``(B, 2048, 11, 11)``
=======  =========  ======  ===================

Height and width need not be equal nor multiples of a stride; an encoder that does want multiples, or a minimum, says
so in its attributes ``size_divisor`` and ``minimum_size`` and answers other sizes with the size to pad to.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from infnet_monai.errors import InputError
from infnet_monai.networks.pretrained import load_encoder_weights
from infnet_monai.networks.registry import BACKBONES, Backbone, get_backbone

__all__ = ["Encoder", "create_encoder"]


class Encoder(nn.Module):
    """Four features of an image.

    Args:
        features: Module that maps an image to a list of four features, low level first.
        channels: Channels of the four features.
        strides: Strides of the four features against the image.
        minimum_size: Smallest height and width in pixels; the deepest stride by default.
        size_divisor: Height and width must be multiples of this number of pixels.
    """

    def __init__(
        self,
        features: nn.Module,
        channels: tuple[int, ...],
        strides: tuple[int, ...],
        minimum_size: int | None = None,
        size_divisor: int = 1,
    ):
        super().__init__()
        self.features = features
        self.channels = channels
        self.strides = strides
        self.minimum_size = strides[-1] if minimum_size is None else minimum_size
        self.size_divisor = size_divisor
        self.weights_origin = "random"

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the four features.

        Args:
            image: Normalised slices ``(B, in_channels, H, W)``.

        Returns:
            The features f2, f3, f4, f5, each ``(B, channels, H / stride, W / stride)``.

        Raises:
            ValueError: The encoder cannot take an image of this height and width; the message names the size to pad
                to.
        """
        if not torch.jit.is_tracing():
            self._check_size(image.shape[2], image.shape[3])
        return self.features(image)

    def _check_size(self, height: int, width: int) -> None:
        padded_height, padded_width = self._padded(height), self._padded(width)
        if height != padded_height or width != padded_width:
            raise ValueError(
                f"the encoder cannot take an image of {height} x {width} pixels: pad it to "
                f"{padded_height} x {padded_width}"
            )

    def _padded(self, length: int) -> int:
        divisor = self.size_divisor
        return max((length + divisor - 1) // divisor * divisor, self.minimum_size)


def create_encoder(
    name: str,
    pretrained: bool | str | Path = False,
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

    Returns:
        The encoder, in train mode.

    Raises:
        InputError: Unknown name, an encoder without four features of growing stride, one that takes images of one
            size only, ``out_indices`` or ``pooling`` that do not fit it, or weights that cannot be loaded.
    """
    backbone = get_backbone(name)
    if backbone.build is not None:
        if out_indices is not None:
            raise InputError(f"out_indices cannot be changed for backbone {name!r}, got {tuple(out_indices)}")
        features = backbone.build(in_channels)
        encoder = Encoder(features, features.channels, features.strides)
    else:
        encoder = _create_timm_encoder(backbone, in_channels, tuple(out_indices or backbone.out_indices))
    if pooling is not None:
        _set_pooling(encoder, name, pooling)
    encoder.weights_origin = load_encoder_weights(encoder.features, backbone, pretrained, in_channels)
    return encoder


def _create_timm_encoder(backbone: Backbone, in_channels: int, out_indices: tuple[int, ...]) -> Encoder:
    if len(out_indices) != 4:
        raise InputError(f"out_indices must name four features (f2, f3, f4, f5), got {out_indices}")
    try:
        features: Any = timm.create_model(
            backbone.timm_name, features_only=True, out_indices=out_indices, in_chans=in_channels
        )
    except (RuntimeError, IndexError, AssertionError, TypeError) as error:
        raise InputError(
            f"backbone {backbone.name!r} cannot give the four features {out_indices} ({error}). Choose an encoder that "
            "has them, or other out_indices."
        ) from error
    channels, strides = tuple(features.feature_info.channels()), tuple(features.feature_info.reduction())
    if any(shallow >= deep for shallow, deep in pairwise(strides)):
        raise InputError(
            f"backbone {backbone.name!r} has features of strides {strides} at {out_indices}: Inf-Net needs four whose "
            "stride grows. Choose a convolutional or hierarchical encoder, or other out_indices."
        )
    encoder = Encoder(features, channels, strides)
    if backbone.name not in BACKBONES:
        _find_size_limits(encoder, backbone.name, in_channels)
    return encoder


def _find_size_limits(encoder: Encoder, name: str, in_channels: int) -> None:
    """Try an encoder that nobody has described: which heights and widths does it take?"""
    stride = encoder.strides[-1]
    ample = 4 * stride
    if not _takes(encoder, (1, in_channels, ample, ample + stride)):
        raise InputError(
            f"backbone {name!r} gives no feature maps (B, channels, height, width) for an image of {ample} x "
            f"{ample + stride} pixels: Inf-Net needs an encoder for images of any size. Choose a convolutional one."
        )
    if not _takes(encoder, (1, in_channels, ample + 3, ample + 5)):
        encoder.size_divisor = stride
    if not _takes(encoder, (1, in_channels, stride, stride)):
        encoder.minimum_size = ample


def _takes(encoder: Encoder, image_shape: tuple[int, int, int, int]) -> bool:
    """Whether an encoder gives the features that it promises for an image of this shape."""
    encoder.eval()
    try:
        with torch.no_grad():
            features = encoder.features(torch.zeros(image_shape, device=next(encoder.parameters()).device))
    except (RuntimeError, AssertionError, ValueError):
        return False
    finally:
        encoder.train()
    return [tuple(feature.shape[:2]) for feature in features] == [(1, channels) for channels in encoder.channels]


def _set_pooling(encoder: Encoder, name: str, pooling: str) -> None:
    if pooling not in ("max", "avg"):
        raise InputError(f"pooling must be 'max', 'avg' or None, got {pooling!r}")
    if not name.startswith("vgg"):
        raise InputError(f"pooling can be chosen for VGG backbones only, not for {name!r}")
    for key, module in encoder.features.named_children():
        if isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
            pool = nn.MaxPool2d(2, 2) if pooling == "max" else nn.AvgPool2d(2, 2)
            setattr(encoder.features, key, pool)
