"""Inf-Net (Fan et al., IEEE TMI 2020, arXiv 2004.14133) over any encoder of the registry."""

from __future__ import annotations

from collections import namedtuple
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from infnet_monai.errors import InputError
from infnet_monai.networks.blocks import (
    EdgeAttention,
    PartialDecoder,
    ReceptiveFieldBlock,
    ReverseAttention,
    resize_like,
)
from infnet_monai.networks.encoders import create_encoder

__all__ = ["InfNet", "InfNetMaps"]

EDGE_CHANNELS = 64


class InfNetMaps(NamedTuple):
    """The logit maps of one forward pass in training, each ``(B, C, H, W)`` at the input's size.

    Attributes:
        s_g: Coarse global map of the partial decoder.
        s_5: Map refined at the deepest feature.
        s_4: Map refined at the next feature.
        s_3: Most refined map, which is the prediction.
        s_edge: Edge map, of one channel.
    """

    s_g: Tensor
    s_5: Tensor
    s_4: Tensor
    s_3: Tensor
    s_edge: Tensor


@cache
def _maps_type(stages: int) -> type:
    """Return the named tuple for a number of reverse-attention stages (coarsest first, edge last)."""
    if stages == 3:
        return InfNetMaps
    return namedtuple("InfNetMaps", ["s_g", *(f"s_{5 - stage}" for stage in range(stages)), "s_edge"])


class InfNet(nn.Module):
    """Inf-Net: partial decoder, edge attention and reverse attention over an image encoder.

    The partial decoder turns the three deepest features into a coarse global map; one reverse-attention stage after
    another refines it with a feature and with what edge attention has learned from the shallowest one. The sigmoid of
    the most refined map is the probability of lesion.

    Source: Fan et al., Inf-Net (IEEE TMI 2020, arXiv 2004.14133), section III, and the authors' published code.

    Args:
        backbone: A name of :func:`infnet_monai.networks.list_backbones`, or any timm model with ``features_only``.
        pretrained: Encoder weights: ``False`` (random), ``True`` (ImageNet weights, an error where they cannot be
            had), ``"auto"`` (ImageNet weights, a warning and random weights where they cannot be had) or the path of
            a weight file (``.pth``, ``.safetensors``).
        in_channels: Channels of the input image.
        out_channels: Channels of the lesion map.
        decoder_channels: Channels of the receptive field blocks.
        out_indices: Which four encoder features are used, low level first; the registry's layout by default.
        pooling: ``"max"`` or ``"avg"`` for VGG encoders; ``None`` keeps the encoder's own.
        reverse_attention_stages: Number of reverse-attention stages, 1 to 4. They start at the deepest feature; the
            fourth one works on the low-level feature. The paper has three.

    Raises:
        InputError: An argument names no encoder, layout, weights or number of stages that there are.

    Shape:
        - Input: ``(B, in_channels, H, W)``, normalised with the encoder's ``mean`` and ``std``.
        - Output in eval mode: the most refined logits ``(B, out_channels, H, W)``.
        - Output in train mode: :class:`InfNetMaps` (for other numbers of stages a named tuple of the same kind).

    Example:
        >>> import torch
        >>> network = InfNet("vgg16", pretrained=False).eval()
        >>> with torch.no_grad():
        ...     logits = network(torch.zeros(1, 3, 64, 96))
        >>> logits.shape
        torch.Size([1, 1, 64, 96])
    """

    def __init__(
        self,
        backbone: str = "vgg16",
        pretrained: bool | str | Path = False,
        in_channels: int = 3,
        out_channels: int = 1,
        decoder_channels: int = 32,
        out_indices: tuple[int, ...] | None = None,
        pooling: str | None = None,
        reverse_attention_stages: int = 3,
    ):
        super().__init__()
        if reverse_attention_stages not in range(1, 5):
            raise InputError(f"reverse_attention_stages must be 1, 2, 3 or 4, got {reverse_attention_stages}")
        self.encoder = create_encoder(backbone, pretrained, in_channels, out_indices, pooling)
        low_level, *high_level = self.encoder.channels
        self.receptive_fields = nn.ModuleList(ReceptiveFieldBlock(c, decoder_channels) for c in high_level)
        self.partial_decoder = PartialDecoder(decoder_channels, out_channels)
        self.edge_attention = EdgeAttention(low_level, EDGE_CHANNELS)
        self.reverse_attentions = nn.ModuleList()
        for stage, channels in enumerate([*reversed(high_level), low_level][:reverse_attention_stages]):
            width, kernel_sizes = (256, (5, 5, 5, 1)) if stage == 0 else (64, (3, 3, 3))
            self.reverse_attentions.append(ReverseAttention(channels, width, EDGE_CHANNELS, out_channels, kernel_sizes))

    def forward(self, image: Tensor) -> Tensor | InfNetMaps:
        """Segment a batch of slices.

        Args:
            image: Normalised slices ``(B, in_channels, H, W)``.

        Returns:
            Logits ``(B, out_channels, H, W)`` in eval mode, all maps in train mode.

        Raises:
            ValueError: The encoder cannot take an image of this height and width; the message names the size to pad
                to.
        """
        if torch.jit.is_scripting() or not self.training:
            return resize_like(self._decode(image)[0][-1], image)
        return self.maps(image)

    @torch.jit.unused
    def maps(self, image: Tensor) -> InfNetMaps:
        """Return all logit maps in train and eval mode alike, as :meth:`forward` does in train mode.

        Args:
            image: Normalised slices ``(B, in_channels, H, W)``.

        Returns:
            The maps ``(B, C, H, W)``, coarsest first, the edge map last.
        """
        maps, edge_feature = self._decode(image)
        maps.append(self.edge_attention.classify(edge_feature))
        return _maps_type(len(self.reverse_attentions))(*(resize_like(logits, image) for logits in maps))

    def _decode(self, image: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the lesion logits at the strides of their features, coarsest first, and the edge feature."""
        features = self.encoder(image)
        decoded: list[Tensor] = []
        for level, receptive_field in enumerate(self.receptive_fields):
            decoded.append(receptive_field(features[level + 1]))
        edge_feature = self.edge_attention(features[0])
        maps = [self.partial_decoder(decoded[2], decoded[1], decoded[0])]
        for stage, reverse_attention in enumerate(self.reverse_attentions):
            maps.append(reverse_attention(features[3 - stage], edge_feature, maps[stage]))
        return maps, edge_feature
