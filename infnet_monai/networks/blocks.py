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

    Shape:
        - Input: ``(B, in_channels, H, W)``.
        - Output: ``(B, out_channels, H, W)``.

    Example:
        >>> ConvBN(3, 8, (1, 5))(torch.zeros(2, 3, 16, 12)).shape
        torch.Size([2, 8, 16, 12])
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int], dilation: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding="same", dilation=dilation, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``."""
        return self.bn(self.conv(x))


class ReceptiveFieldBlock(nn.Module):
    r"""Four branches of growing receptive field and a shortcut.

    .. math::

        y = \text{ReLU}(C_{3 \times 3}[b_1(x), b_3(x), b_5(x), b_7(x)] + C_{1 \times 1}(x))

    :math:`b_1` is a 1x1 convolution; :math:`b_k` is followed by 1xk, kx1 and a 3x3 convolution of dilation k; all of
    them end with batch norm.

    Source: the RFB of Inf-Net, after Liu et al., Receptive Field Block Net (ECCV 2018, arXiv 1711.07767).

    Args:
        in_channels: Channels of an encoder feature.
        channels: Channels of each branch and of the output.

    Shape:
        - Input: ``(B, in_channels, H, W)``.
        - Output: ``(B, channels, H, W)``, in [0, inf).

    Example:
        >>> ReceptiveFieldBlock(16, 4)(torch.zeros(2, 16, 11, 11)).shape
        torch.Size([2, 4, 11, 11])
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
    r"""Parallel partial decoder: three high-level features to the coarse global map.

    With :math:`x_1, x_2, x_3` from the deepest feature to the shallowest, :math:`u` for bilinear resizing to the next
    one's size and a 3x3 convolution with batch norm :math:`C` of its own at each place:

    .. math::

        a &= C[x_2 \cdot C(u(x_1)), C(u(x_1))] \\
        b &= C[x_3 \cdot C(u(u(x_1))) \cdot C(u(x_2)), C(u(a))] \\
        S_g &= \text{Conv}_{1 \times 1}(C(b))

    Source: Inf-Net, section III-C, after Wu et al., Cascaded Partial Decoder (CVPR 2019, arXiv 1904.08739).

    Args:
        channels: Channels of each of the three inputs.
        out_channels: Channels of the map.

    Shape:
        - Input: ``(B, channels, H / 4, W / 4)``, ``(B, channels, H / 2, W / 2)``, ``(B, channels, H, W)``.
        - Output: logits ``(B, out_channels, H, W)``.

    Example:
        >>> features = (torch.zeros(2, 4, size, size) for size in (4, 8, 16))
        >>> PartialDecoder(channels=4)(*features).shape
        torch.Size([2, 1, 16, 16])
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
    """Edge feature and edge map from the low-level feature.

    A 1x1 and two 3x3 convolutions, each with batch norm and without activation, give the edge feature; one more 3x3
    convolution, ``classify``, gives the edge map that the edge loss compares with the reference.

    Source: Inf-Net, section III-B.

    Args:
        in_channels: Channels of the low-level feature f2.
        channels: Channels of the edge feature.

    Shape:
        - Input: ``(B, in_channels, H, W)``.
        - Output: ``(B, channels, H, W)``; of ``classify``, logits ``(B, 1, H, W)``.

    Example:
        >>> attention = EdgeAttention(in_channels=8, channels=4)
        >>> edge_feature = attention(torch.zeros(2, 8, 16, 16))
        >>> edge_feature.shape, attention.classify(edge_feature).shape
        (torch.Size([2, 4, 16, 16]), torch.Size([2, 1, 16, 16]))
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
    r"""Refine a map where it is not yet sure of a lesion.

    The feature :math:`f` is weighted by one minus the probability of the guiding map :math:`S`, joined with the edge
    feature :math:`e` and refined by convolutions :math:`C`; the guiding map is added:

    .. math::

        S' = C[(1 - \sigma(S)) \cdot f, e] + S

    The weight is one number a pixel and the first convolution is 1x1 without bias, so the weight is applied after that
    convolution: the same values on fewer channels.

    Source: Inf-Net, section III-D, after Chen et al., Reverse Attention (ECCV 2018, arXiv 1807.09940).

    Args:
        in_channels: Channels of the encoder feature.
        channels: Channels inside the stage.
        edge_channels: Channels of the edge feature.
        out_channels: Channels of the map.
        kernel_sizes: Kernel of each convolution after the edge feature joins; the last one gives the map.

    Shape:
        - Input: feature ``(B, in_channels, H, W)``, edge feature and guiding map of any height and width.
        - Output: logits ``(B, out_channels, H, W)``.

    Example:
        >>> stage = ReverseAttention(8, channels=4, edge_channels=2, out_channels=1, kernel_sizes=(3, 3, 3))
        >>> stage(torch.zeros(2, 8, 16, 16), torch.zeros(2, 2, 32, 32), torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 1, 16, 16])
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
