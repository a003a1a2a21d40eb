"""Building blocks of the Inf-Net head: receptive field block, partial decoder, edge and reverse attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ConvBN", "EdgeAttention", "PartialDecoder", "ReceptiveFieldBlock", "ReverseAttention", "resize_like"]


def resize_like(maps: Tensor, reference: Tensor, align_corners: bool = False) -> Tensor:
    """Resize maps bilinearly to the height and width of another tensor.

    Args:
        maps: Tensor of shape ``(B, C, H', W')``.
        reference: Tensor of shape ``(..., H, W)``.
        align_corners: Passed on to :func:`torch.nn.functional.interpolate`.

    Returns:
        Tensor of shape ``(B, C, H, W)``.

    Example:
        >>> resize_like(torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 8, 6)).shape
        torch.Size([1, 2, 8, 6])
    """
    return functional.interpolate(maps, size=reference.shape[-2:], mode="bilinear", align_corners=align_corners)


class ConvBN(nn.Module):
    """Convolution without bias and batch norm, without activation; "same" padding for odd kernels.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Height and width of the kernel, odd.
        dilation: Spacing of the kernel's taps in pixels.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int], dilation: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding="same", dilation=dilation, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``."""
        return self.bn(self.conv(x))


class ReceptiveFieldBlock(nn.Module):
    """Four branches of growing receptive field and a shortcut (Inf-Net's RFB, after Liu et al., ECCV 2018).

    Args:
        in_channels: Channels of an encoder feature.
        channels: Channels of each branch and of the output.
    """

    def __init__(self, in_channels: int, channels: int):
        super().__init__()
        self.pointwise = ConvBN(in_channels, channels, 1)
        self.branches = nn.ModuleList(
            nn.Sequential(
                ConvBN(in_channels, channels, 1),
                ConvBN(channels, channels, (1, k)),
                ConvBN(channels, channels, (k, 1)),
                ConvBN(channels, channels, 3, dilation=k),
            )
            for k in (3, 5, 7)
        )
        self.merge = ConvBN(4 * channels, channels, 3)
        self.shortcut = ConvBN(in_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, channels, H, W)``, non-negative."""
        features = [self.pointwise(x)]
        for branch in self.branches:
            features.append(branch(x))
        return torch.relu(self.merge(torch.cat(features, dim=1)) + self.shortcut(x))


class PartialDecoder(nn.Module):
    """Parallel partial decoder: three high-level features to the coarse global map (paper, section III-C).

    Args:
        channels: Channels of each of the three inputs.
        out_channels: Channels of the map.
    """

    def __init__(self, channels: int, out_channels: int = 1):
        super().__init__()
        self.up_high_to_middle = ConvBN(channels, channels, 3)
        self.up_high_to_low = ConvBN(channels, channels, 3)
        self.up_middle_to_low = ConvBN(channels, channels, 3)
        self.up_high_to_merge = ConvBN(channels, channels, 3)
        self.up_merged = ConvBN(2 * channels, 2 * channels, 3)
        self.merge_middle = ConvBN(2 * channels, 2 * channels, 3)
        self.merge_low = ConvBN(3 * channels, 3 * channels, 3)
        self.refine = ConvBN(3 * channels, 3 * channels, 3)
        self.classify = nn.Conv2d(3 * channels, out_channels, 1)

    def forward(self, high: Tensor, middle: Tensor, low: Tensor) -> Tensor:
        """Merge features from the deepest to the shallowest.

        Args:
            high: Feature of f5, ``(B, channels, H / 4, W / 4)``.
            middle: Feature of f4, ``(B, channels, H / 2, W / 2)``.
            low: Feature of f3, ``(B, channels, H, W)``.

        Returns:
            Logits ``(B, out_channels, H, W)`` at the stride of f3.
        """
        high_up = resize_like(high, middle, align_corners=True)
        high_up_twice = resize_like(high_up, low, align_corners=True)
        middle_up = resize_like(middle, low, align_corners=True)
        middle_gated = self.up_high_to_middle(high_up) * middle
        low_gated = self.up_high_to_low(high_up_twice) * self.up_middle_to_low(middle_up) * low
        merged = self.merge_middle(torch.cat([middle_gated, self.up_high_to_merge(high_up)], dim=1))
        merged_up = self.up_merged(resize_like(merged, low, align_corners=True))
        return self.classify(self.refine(self.merge_low(torch.cat([low_gated, merged_up], dim=1))))


class EdgeAttention(nn.Module):
    """Edge feature and edge map from the low-level feature (paper, section III-B).

    Args:
        in_channels: Channels of the low-level feature f2.
        channels: Channels of the edge feature.
    """

    def __init__(self, in_channels: int, channels: int = 64):
        super().__init__()
        self.embed = nn.Sequential(
            ConvBN(in_channels, channels, 1), ConvBN(channels, channels, 3), ConvBN(channels, channels, 3)
        )
        self.classify = ConvBN(channels, 1, 3)

    def forward(self, low_level: Tensor) -> Tensor:
        """Return the edge feature ``(B, channels, H, W)``; ``classify`` gives its edge logits ``(B, 1, H, W)``.

        Only training asks for the logits: at the stride of f2 they cost as much as several other layers.
        """
        return self.embed(low_level)


class ReverseAttention(nn.Module):
    """Refine a map where it is not yet sure of a lesion (paper, section III-D).

    The feature is weighted by one minus the probability of the guiding map. The weight is one number a pixel and the
    first convolution is 1x1 without bias, so the weight is applied after that convolution: the same values on fewer
    channels.

    Args:
        in_channels: Channels of the encoder feature.
        channels: Channels inside the stage.
        edge_channels: Channels of the edge feature.
        out_channels: Channels of the map.
        kernel_sizes: Kernel of each convolution after the edge feature joins; the last one gives the map.
    """

    def __init__(
        self, in_channels: int, channels: int, edge_channels: int, out_channels: int, kernel_sizes: tuple[int, ...]
    ):
        super().__init__()
        self.embed = ConvBN(in_channels, channels, 1)
        widths = [channels + edge_channels, *[channels] * (len(kernel_sizes) - 1), out_channels]
        layers: list[nn.Module] = []
        for in_width, out_width, kernel_size in zip(widths, widths[1:], kernel_sizes, strict=False):
            layers += [ConvBN(in_width, out_width, kernel_size), nn.ReLU(inplace=True)]
        self.refine = nn.Sequential(*layers[:-1])

    def forward(self, feature: Tensor, edge_feature: Tensor, guidance: Tensor) -> Tensor:
        """Refine the guiding map at the feature's size.

        Args:
            feature: Encoder feature ``(B, in_channels, H, W)``.
            edge_feature: Edge feature ``(B, edge_channels, H', W')``.
            guidance: Logits ``(B, out_channels, H'', W'')`` of the map refined so far.

        Returns:
            Refined logits ``(B, out_channels, H, W)``.
        """
        guidance = resize_like(guidance, feature)
        unsure = 1 - torch.sigmoid(guidance).amax(dim=1, keepdim=True)
        embedded = self.embed.bn(self.embed.conv(feature) * unsure)
        return self.refine(torch.cat([embedded, resize_like(edge_feature, feature)], dim=1)) + guidance
