"""Runs over several processes, as ``torchrun`` starts them."""

from __future__ import annotations

from typing import Any

import ignite.distributed as idist
import torch
from monai.data import DistributedSampler

__all__ = ["is_first_rank", "start_rank", "validation_sampler"]


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


def validation_sampler(dataset: Any) -> DistributedSampler | None:
    """Share the validation cases between the ranks, each case with one of them.

    Fewer cases than ranks, or none, cannot be shared: every rank then validates all of them, which gives the same
    means. That is so when a model is fine-tuned on the first few labelled cases.

    Args:
        dataset: Data set of the validation cases.
    """
    if len(dataset) < idist.get_world_size():
        return None
    return DistributedSampler(dataset, even_divisible=False, shuffle=False)
