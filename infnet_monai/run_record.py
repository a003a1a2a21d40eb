"""Record of a run: with what, on what, how long."""

from __future__ import annotations

import platform
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infnet_monai import __version__
from infnet_monai.files import file_sha256, write_json

if TYPE_CHECKING:
    import torch

__all__ = ["RunRecord", "StageTimer", "describe_device", "package_versions"]

PACKAGES = ("monai", "torch", "timm", "numpy", "scipy", "nibabel", "itk")


class StageTimer:
    """Seconds spent in each stage of a run; a stage entered again adds to its time.

    Args:
        device: Device of the network; a CUDA device is waited for at the end of each stage.

    Example:
        >>> timer = StageTimer()
        >>> with timer.stage("read"):
        ...     pass
        >>> list(timer.seconds)
        ['read']
    """

    def __init__(self, device: str | torch.device = "cpu"):
        self.device = device
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to the stage, also where the block fails."""
        start = time.perf_counter()
        try:
            yield
        finally:
            if str(self.device).startswith("cuda"):
                import torch  # without a GPU, seconds can be counted without it

                torch.cuda.synchronize(self.device)
            self.seconds[name] += time.perf_counter() - start

    def add(self, other: StageTimer) -> None:
        """Add the seconds of another timer, e.g. of one scan to those of a run.

        Args:
            other: The other timer.
        """
        for name, seconds in other.seconds.items():
            self.seconds[name] += seconds


class RunRecord:
    """Facts of a run, from its start to its end, for a JSON file beside the results.

    Args:
        device: Device of the network.
        weights: File of the network's weights, which is hashed.
        **facts: Anything else that JSON can hold, e.g. the bundle's name and version.
    """

    def __init__(self, device: str | torch.device, weights: str | Path | None = None, **facts: Any):
        self.timer = StageTimer(device)
        self.facts = facts
        self.started = _now()
        self.weights = str(weights) if weights else None
        self.weights_sha256 = file_sha256(weights) if weights else ""

    def as_dict(self) -> dict[str, Any]:
        """Return the record up to now; seconds to the millisecond."""
        return {
            **self.facts,
            "started": self.started.isoformat(timespec="seconds"),
            "ended": _now().isoformat(timespec="seconds"),
            "seconds": {name: round(seconds, 3) for name, seconds in self.timer.seconds.items()},
            "device": describe_device(self.timer.device),
            "weights": {"path": self.weights, "sha256": self.weights_sha256} if self.weights else None,
            "versions": package_versions(),
        }

    def write(self, path: str | Path) -> Path:
        """Write the record as JSON, whole or not at all.

        Args:
            path: JSON file to write.

        Returns:
            The path.
        """
        write_json(self.as_dict(), path)
        return Path(path)


def package_versions() -> dict[str, str]:
    """Return the versions of Python, this package and the packages that decide its results."""
    return {
        "python": platform.python_version(),
        "infnet_monai": __version__,
        **{name: version(name) for name in PACKAGES},
    }


def describe_device(device: str | torch.device) -> dict[str, Any]:
    """Return what the network runs on: name of the GPU or the processor's architecture, threads, system.

    Args:
        device: Device of the network.
    """
    import torch

    device = torch.device(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {"device": str(device), "name": name, "threads": torch.get_num_threads(), "system": platform.platform()}


def _now() -> datetime:
    return datetime.now(timezone.utc)
