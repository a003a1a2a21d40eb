"""bf16 autocast around any MONAI inferer, on the CPU as well as on CUDA."""

from __future__ import annotations

from typing import Any

import torch
from monai.inferers import Inferer
from torch import Tensor

__all__ = ["AutocastInferer", "supports_bf16"]


def supports_bf16(device: str | torch.device) -> bool:
    """Tell whether a device computes bf16 in hardware: CUDA from Ampere on, CPUs with AVX512-BF16 or AMX.

    Args:
        device: The device that the network runs on.
    """
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


class AutocastInferer(Inferer):
    """Run an inferer in bf16 autocast and give its outputs back in float32.

    MONAI's engines write ``torch.autocast("cuda")``: their ``amp`` does nothing on a CPU.

    Args:
        inferer: The inferer that does the work.
        enabled: Whether autocast is on.
    """

    def __init__(self, inferer: Inferer, enabled: bool = True):
        super().__init__()
        self.inferer = inferer
        self.enabled = enabled

    def __call__(self, inputs: Tensor, network: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what the wrapped inferer returns: a tensor or a named tuple of tensors."""
        with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=self.enabled):
            outputs = self.inferer(inputs, network, *args, **kwargs)
        if isinstance(outputs, Tensor):
            return outputs.float()
        return type(outputs)(*(output.float() for output in outputs))
