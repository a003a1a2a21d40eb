"""Names of the tensors that travel, and the files of the rounds' weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write
from infnet_monai.networks.model_weights import read_tensors

__all__ = ["ROUNDS_TABLE", "RoundFiles", "exchanged_names", "exchanged_weights", "local_names"]

Weights = Mapping[str, NDArray[np.floating]]
ROUNDS_TABLE = "rounds.csv"


def exchanged_names(network: nn.Module) -> frozenset[str]:
    """Return the names of all tensors that a round averages: floating-point ones, no counters of batches."""
    return frozenset(name for name, tensor in network.state_dict().items() if tensor.is_floating_point())


def local_names(network: nn.Module) -> frozenset[str]:
    """Return the names of the tensors of batch normalisation, which FedBN keeps at each site."""
    return frozenset(
        f"{prefix}.{name}" if prefix else name
        for prefix, module in network.named_modules()
        if isinstance(module, _BatchNorm)
        for name, tensor in module.state_dict().items()
        if tensor.is_floating_point()
    )


def exchanged_weights(network: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Return the weights that a round averages as float32 arrays by name."""
    state, names = network.state_dict(), exchanged_names(network)
    return {name: state[name].detach().cpu().float().numpy() for name in sorted(names)}


class RoundFiles:
    """The global weights on disk: one file for the last completed round, so that nothing but its name says which.

    Args:
        folder: Folder of the files ``round_N.pt``; ``round_0.pt`` is the start.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    @property
    def last(self) -> int | None:
        """Number of completed rounds; None where there is not even a start."""
        return max(self._rounds(), default=None)

    def read(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights after the last completed round.

        Raises:
            InputError: There is no start, or the file is damaged.
        """
        if self.last is None:
            raise InputError(f"{self.folder}: holds no round_0.pt, the weights to start from")
        path = self._rounds()[self.last]
        try:
            return {name: tensor.numpy() for name, tensor in read_tensors(path).items()}
        except Exception as error:  # unpickling raises whatever the damaged bytes lead to
            raise InputError(f"{path}: damaged ({type(error).__name__}); remove it to repeat from the start") from error

    def write(self, weights: Weights, completed: int) -> None:
        """Write the weights after a round and remove those of the rounds before, but for the start.

        Args:
            weights: Weights by name.
            completed: Number of completed rounds.
        """
        earlier = [path for number, path in self._rounds().items() if 0 < number < completed]
        with atomic_write(self.folder / f"round_{completed}.pt") as draft:
            torch.save({name: torch.from_numpy(np.array(array, np.float32)) for name, array in weights.items()}, draft)
        for path in earlier:
            path.unlink(missing_ok=True)

    def complete(self, weights: Weights, round_index: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the table of the rounds, then the weights, whose file makes the round count.

        Args:
            weights: Weights after the round by name.
            round_index: Number of rounds before it.
            rows: What each site returned in it; those of a round that did not come to count are replaced.
        """
        path = self.folder / ROUNDS_TABLE
        table = pd.DataFrame([{"round": round_index, **row} for row in rows])
        if path.is_file():
            before = pd.read_csv(path)
            table = pd.concat([before[before["round"] < round_index], table])
        with atomic_write(path) as draft:
            table.to_csv(draft, index=False)
        self.write(weights, round_index + 1)

    def _rounds(self) -> dict[int, Path]:
        found = ((re.fullmatch(r"round_(\d+)\.pt", path.name), path) for path in self.folder.glob("round_*.pt"))
        return {int(match[1]): path for match, path in found if match}
