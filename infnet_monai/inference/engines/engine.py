"""What an engine is, and the network that it runs in place of torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch
from torch import Tensor, nn

from infnet_monai.errors import InputError

__all__ = ["Arrays", "Engine", "EngineNetwork", "Run"]

Arrays = Mapping[str, np.ndarray]
Run = Callable[[np.ndarray], np.ndarray]


class Engine(ABC):
    """A program on the CPU that runs an exported network; a subclass and its row in ``ENGINES`` make a new one.

    Attributes:
        name: Name in ``--engine`` and ``inference.json``.
        package: Distribution that it needs.
        extra: Extra of this package that installs it.
        precision: What it computes in, ``"f32"`` or ``"bf16"``.
    """

    name: str
    package: str
    extra: str
    precision: str = "f32"

    def version(self) -> str:
        """Return the version of its package.

        Raises:
            InputError: It is not installed.
        """
        try:
            return version(self.package)
        except PackageNotFoundError as error:
            raise InputError(
                f'engine {self.name!r} needs {self.package}: pip install "infnet-monai[{self.extra}]"'
            ) from error

    @abstractmethod
    def export(self, network: nn.Module, shape: tuple[int, ...]) -> Arrays:
        """Translate a network.

        Args:
            network: Network in float32 and eval mode.
            shape: Shape of the images, ``(B, C, H, W)``.

        Returns:
            The engine's model as named arrays, which are cached.
        """

    @abstractmethod
    def load(self, arrays: Arrays, threads: int) -> Run:
        """Make an exported network ready to run.

        Args:
            arrays: What :meth:`export` has returned.
            threads: Number of threads.

        Returns:
            Function from images of the exported shape in float32 to logits.
        """


class EngineNetwork(nn.Module):
    """A network run by an engine: the inferers, and hooks, take it as they take the network itself.

    Args:
        engine: The engine.
        run: Function from images of ``shape`` to logits.
        shape: Shape of the images that the engine takes, ``(B, C, H, W)``.
    """

    def __init__(self, engine: Engine, run: Run, shape: tuple[int, ...]):
        super().__init__()
        self.engine, self.shape = engine, tuple(shape)
        self._run = run

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of slices; an engine takes batches of one size, which empty slices fill up.

        Args:
            image: Normalised slices ``(N, C, H, W)``, any number of them.

        Returns:
            Logits ``(N, C, H, W)`` in float32.

        Raises:
            InputError: The slices are of another size than the network was exported for.
        """
        if image.shape[1:] != self.shape[1:]:
            raise InputError(
                f"engine {self.engine.name!r}: the network was exported for slices {self.shape[1:]} and got "
                f"{tuple(image.shape[1:])}; set image_size, or give --engine torch"
            )
        return torch.cat([self._run_batch(batch) for batch in image.float().split(self.shape[0])])

    def _run_batch(self, batch: Tensor) -> Tensor:
        missing = self.shape[0] - len(batch)
        full = torch.cat([batch, batch.new_zeros(missing, *batch.shape[1:])]) if missing else batch
        logits = self._run(np.ascontiguousarray(full.numpy()))
        return torch.from_numpy(np.array(logits[: len(batch)], dtype=np.float32))  # the engine uses its memory again
