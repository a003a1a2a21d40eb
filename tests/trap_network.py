"""A network that does to its process what damaged scans do, by the number of slices that it is given at once."""

import os
import signal
import time

import torch
from band_network import BandNetwork

SLEEPS, EATS, DIES = 2, 3, 1  # of a batch of 4, which scans of 4 and 8 slices fill
EATEN_GB = 2


class TrapNetwork(BandNetwork):
    """Never ends at 2 slices, takes 2 GB at 3, and kills its process at 1."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if len(image) == SLEEPS:
            time.sleep(3600)
        if len(image) == EATS:
            self.eaten = torch.ones(EATEN_GB * 250_000_000)
            time.sleep(3600)
        if len(image) == DIES:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(image)
