"""CPU time of a training step as the bundles run it, beside bf16 for every convolution and float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from monai.inferers import SimpleInferer
from torch import Tensor, nn

from infnet_monai.benchmarks.ways import median_seconds
from infnet_monai.inference.inferers import AutocastInferer
from infnet_monai.losses import InfNetLoss
from infnet_monai.networks import InfNet

__all__ = ["StepCost", "measure_training"]


@dataclass(frozen=True)
class StepCost:
    """What a training step takes on one thread: forward and backward pass and the optimiser.

    Attributes:
        batch_size: Slices in a batch.
        bundle_s: CPU seconds of a step as the bundles run it: bf16 autocast, depthwise convolutions in float32.
        bf16_s: CPU seconds with the depthwise convolutions in bf16 as well.
        float32_s: CPU seconds without autocast.
    """

    batch_size: int
    bundle_s: float
    bf16_s: float
    float32_s: float

    @property
    def speed_up(self) -> float:
        """Return the speed-up of the bundles' step over the one with all convolutions in bf16."""
        return self.bf16_s / self.bundle_s


def measure_training(
    backbone: str = "efficientnet_lite0",
    batch_sizes: Sequence[int] = (4, 2),
    repeats: int = 5,
    image_size: int = 352,
) -> list[StepCost]:
    """Time steps of Inf-Net on random slices, the three ways in turn.

    Args:
        backbone: Name of a backbone.
        batch_sizes: Numbers of slices in a batch.
        repeats: Rounds of which the median is taken, after one that does not count.
        image_size: Height and width of the slices in pixels.

    Returns:
        The cost for each batch size.
    """
    torch.manual_seed(0)
    network = InfNet(backbone).to(memory_format=torch.channels_last).train()
    step, threads = _Step(network), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [_measure(step, batch_size, repeats, image_size) for batch_size in batch_sizes]
    finally:
        torch.set_num_threads(threads)


class _Step:
    """A step of the bundles' recipe; the network does change, what it computes does not matter."""

    def __init__(self, network: nn.Module):
        self.network = network
        self.loss = InfNetLoss()
        self.optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)

    def __call__(self, inferer: Callable, image: Tensor, target: Tensor) -> None:
        self.optimizer.zero_grad()
        self.loss(inferer(image, self.network), target).backward()
        self.optimizer.step()


def _measure(step: _Step, batch_size: int, repeats: int, image_size: int) -> StepCost:
    image = torch.randn(batch_size, 3, image_size, image_size)
    target = (torch.rand(batch_size, 2, image_size, image_size) > 0.9).to(torch.uint8)
    inferers = {
        "bundle_s": AutocastInferer(SimpleInferer()),
        "bf16_s": AutocastInferer(SimpleInferer(), depthwise_in_float32=False),
        "float32_s": AutocastInferer(SimpleInferer(), enabled=False),
    }
    ways = {name: partial(step, inferer, image, target) for name, inferer in inferers.items()}
    for run in ways.values():  # warms up
        run()
    return StepCost(batch_size, **median_seconds(ways, repeats, title=f"Batches of {batch_size}"))
