"""Loading the weights of a whole trained network."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from infnet_monai.errors import InputError

__all__ = ["load_model_weights", "read_tensors"]


def load_model_weights(network: nn.Module, path: str | Path) -> None:
    """Load a plain state dict, as training writes it.

    Args:
        network: The network to load into.
        path: File of the state dict.

    Raises:
        InputError: The file is missing, unreadable or of another network.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such weights. Train the bundle first, or give the file of a trained model.")
    try:
        state_dict = read_tensors(path)
    except Exception as error:  # unpickling raises whatever the damaged bytes lead to
        raise InputError(
            f"{path}: cannot be read as weights ({type(error).__name__}). Fetch or train it again."
        ) from error
    try:
        network.load_state_dict(state_dict)
    except (RuntimeError, TypeError, AttributeError) as error:
        first = str(error).strip().splitlines()
        raise InputError(f"{path}: not the weights of this network ({' '.join(first[:2])[:300]}).") from error


def read_tensors(path: str | Path) -> Any:
    """Read a file that :func:`torch.save` has written, without running code that it may hold.

    Args:
        path: The file.

    Returns:
        What was saved.

    Raises:
        Exception: Any, since the damaged bytes lead to anything; also where the checksum of a tensor is wrong, which
            torch does not look at.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")
    return torch.load(path, map_location="cpu", weights_only=True)
