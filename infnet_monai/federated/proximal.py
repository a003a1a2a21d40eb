"""The proximal term of FedProx, which keeps a site near the weights that it received."""

from __future__ import annotations

from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents
from torch import Tensor

__all__ = ["ProximalTerm"]


class ProximalTerm:
    r"""Handler that adds the gradient of the proximal term to each step; attach it to the trainer.

    .. math:: \frac{\mu}{2} \lVert w - w_{received} \rVert^2

    Its gradient, the difference times mu, is added to that of the loss, which thus stays as it is in the log.

    Source: Li et al., MLSys 2020, arXiv 1812.06127, equation 2.

    Args:
        mu: Weight of the term.
    """

    def __init__(self, mu: float):
        self.mu = mu
        self._received: list[Tensor] = []

    def attach(self, engine: Engine) -> None:
        """Take the weights at the start of each run of the trainer, which is a round, and pull each step to them."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self._pull)

    def _start(self, engine: Any) -> None:
        self._received = [parameter.detach().clone() for parameter in engine.network.parameters()]

    @torch.no_grad()
    def _pull(self, engine: Any) -> None:
        for parameter, received in zip(engine.network.parameters(), self._received, strict=True):
            if parameter.grad is not None:
                parameter.grad.add_(parameter - received, alpha=self.mu)
