"""The network as `infnet` runs it, in servers that load the weights themselves."""

from __future__ import annotations

import copy
from typing import Any
from weakref import WeakKeyDictionary

import torch
from monai.inferers import Inferer
from torch import Tensor, nn

from infnet_monai.inference.prepare import prepare_for_inference

__all__ = ["PreparedInferer"]


class PreparedInferer(Inferer):
    """Lay the network out for speed before it runs, once for each network.

    MONAI Label loads a bundle's weights into ``network_def`` and never builds ``network``. Without the preparation its
    masks would differ from those of :class:`infnet_monai.inference.Segmenter` by the rounding of bf16.

    Args:
        inferer: The inferer that does the work.
        bf16: Whether it runs the network in bf16 autocast.
    """

    def __init__(self, inferer: Inferer, bf16: bool = False):
        super().__init__()
        self.inferer = inferer
        self.bf16 = bf16
        self._prepared: WeakKeyDictionary[nn.Module, nn.Module] = WeakKeyDictionary()

    def __call__(self, inputs: Tensor, network: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what the wrapped inferer returns; a network prepared already, without gradients, stays as it is."""
        if any(weight.requires_grad for weight in network.parameters()):
            network = self._prepare(network, inputs.device)
        return self.inferer(inputs, network, *args, **kwargs)

    def _prepare(self, network: nn.Module, device: torch.device) -> nn.Module:
        if network not in self._prepared:
            self._prepared[network] = prepare_for_inference(copy.deepcopy(network), device, self.bf16)
        return self._prepared[network]
