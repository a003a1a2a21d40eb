"""A network whose mask can be foretold, in place of a trained one."""

import torch
from torch import nn

OVERRIDES = {
    "network_def": {"_target_": "band_network.BandNetwork"},
    "backbone": "$infnet_networks.get_backbone('efficientnet_lite0')",  # whose mean and deviation are used
    "image_size": [96, 96],
    "amp": False,
}


class BandNetwork(nn.Module):
    """Marks pixels whose windowed intensity lies within 0.15 of a level; expects mean and std 0.5."""

    def __init__(self, level: float = 0.57):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(level))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        grey = image[:, :1] * 0.5 + 0.5
        return 400 * (0.15**2 - (grey - self.level) ** 2)
