"""Runs over several processes, as ``torchrun`` starts them."""

from __future__ import annotations

import ignite.distributed as idist
import torch

__all__ = ["is_first_rank", "start_rank"]


def start_rank(device: torch.device) -> None:
    """Join the process group of ``torchrun``: NCCL for CUDA devices, gloo for CPUs.

    Args:
        device: Device of this rank.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")


def is_first_rank() -> bool:
    """Tell whether this process is the one that writes files and shows progress."""
    return idist.get_rank() == 0
