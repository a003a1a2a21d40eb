"""Runs over several processes, as ``torchrun`` starts them; without it all of this does nothing."""

from __future__ import annotations

import os
from typing import Any

import ignite.distributed as idist
import torch
from monai.data import DistributedSampler

__all__ = ["is_first_rank", "join_ranks", "leave_ranks", "rank_device", "validation_sampler"]

LAUNCHED = {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}


def rank_device() -> torch.device:
    """Return this rank's own GPU, or the CPU where there is none."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))


def join_ranks(device: str | torch.device) -> None:
    """Join the process group of ``torchrun``: NCCL for CUDA devices, gloo for CPUs.

    Args:
        device: Device of this rank.
    """
    if not os.environ.keys() >= LAUNCHED or torch.distributed.is_initialized():
        return
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")


def leave_ranks() -> None:
    """Leave the process group, where this process has joined one."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        idist.sync()  # ignite keeps what it has found of the group


def is_first_rank() -> bool:
    """Tell whether this process is the one that writes files and shows progress."""
    return idist.get_rank() == 0


def validation_sampler(dataset: Any) -> DistributedSampler | None:
    """Divide the cases among the ranks, each case for one of them.

    Fewer cases than ranks, or none, cannot be divided: every rank then takes all of them, which gives the same means.
    That is so when a model is fine-tuned on the first few labelled cases.

    Args:
        dataset: Data set of the cases.

    Returns:
        The sampler of this rank, ``None`` for all cases.
    """
    if len(dataset) < idist.get_world_size():
        return None
    return DistributedSampler(dataset, even_divisible=False, shuffle=False)
