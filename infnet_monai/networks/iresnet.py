"""iResNet-50: the improved residual network of Duta et al. (ICPR 2020, arXiv 2004.04989), as an encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Bottleneck", "IResNet"]

EXPANSION = 4


class Bottleneck(nn.Module):
    """Bottleneck block of iResNet; where batch norm and ReLU stand depends on the block's place in its stage.

    The first block projects its shortcut and ends without ReLU. The others leave the sum as it is, so that a plain
    path runs through the stage, and begin with batch norm and ReLU. The second one begins with ReLU alone, for its
    shortcut too, because the first block ends with batch norm. The last block normalises and rectifies the sum.

    Args:
        in_channels: Channels of the input.
        width: Channels of the 3x3 convolution; the block gives four times as many.
        index: Place of the block in its stage.
        last: Whether the block ends its stage.
        stride: Stride of the 3x3 convolution and of the projected shortcut.
    """

    def __init__(self, in_channels: int, width: int, index: int, last: bool, stride: int = 1):
        super().__init__()
        out_channels = EXPANSION * width
        self.index, self.last = index, last
        self.bn0 = nn.BatchNorm2d(in_channels) if index > 1 else nn.Identity()
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels) if index == 0 or last else nn.Identity()
        self.downsample = _shortcut(in_channels, out_channels, stride) if index == 0 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, 4 * width, ceil(H / stride), ceil(W / stride))``."""
        if self.index == 1:
            # The authors rectify in place here, so their weights expect a rectified shortcut as well.
            x = torch.relu(x)
        out = torch.relu(self.bn0(x)) if self.index > 1 else x
        out = torch.relu(self.bn1(self.conv1(out)))
        out = torch.relu(self.bn2(self.conv2(out)))
        out = self.conv3(out)
        if self.index == 0:
            return self.bn3(out) + self.downsample(x)
        out = out + x
        return torch.relu(self.bn3(out)) if self.last else out


class IResNet(nn.Module):
    """The four stages of iResNet; the parameters are named as in the authors' weight files.

    Args:
        in_channels: Channels of the input image.
        depths: Number of blocks in each stage, at least two.

    Shape:
        - Input: ``(B, in_channels, H, W)``.
        - Output: four features with 256, 512, 1024 and 2048 channels at strides 4, 8, 16 and 32.
    """

    def __init__(self, in_channels: int = 3, depths: tuple[int, int, int, int] = (3, 4, 6, 3)):
        super().__init__()
        self.channels = (256, 512, 1024, 2048)
        self.strides = (4, 8, 16, 32)
        self.conv1 = nn.Conv2d(in_channels, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 64, depths[0])
        self.layer2 = _stage(256, 128, depths[1])
        self.layer3 = _stage(512, 256, depths[2])
        self.layer4 = _stage(1024, 512, depths[3])
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def stem(self, image: Tensor) -> Tensor:
        """Map an image ``(B, in_channels, H, W)`` to the feature f1 ``(B, 64, ceil(H / 2), ceil(W / 2))``."""
        return torch.relu(self.bn1(self.conv1(image)))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features f2, f3, f4, f5; see the class for shapes."""
        f2 = self.layer1(self.stem(image))
        f3 = self.layer2(f2)
        f4 = self.layer3(f3)
        return [f2, f3, f4, self.layer4(f4)]


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Project the shortcut; the pooling sees every pixel, where a strided 1x1 convolution drops three of four."""
    return nn.Sequential(
        nn.MaxPool2d(3, stride, padding=1),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
    )


def _stage(in_channels: int, width: int, depth: int) -> nn.Sequential:
    blocks = [Bottleneck(in_channels, width, index=0, last=False, stride=2)]
    for index in range(1, depth):
        blocks.append(Bottleneck(EXPANSION * width, width, index, last=index == depth - 1))
    return nn.Sequential(*blocks)
