"""Memory that segmenting one large scan takes, measured in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from torch import nn

from infnet_monai.inference import BatchOptions, Segmenter, segment_scans
from infnet_monai.phantom.phantom import make_phantom

__all__ = ["MemoryCost", "ThresholdNetwork", "measure_memory"]

COARSE = (128, 128, 40)
FIELD_OF_VIEW_MM, HEIGHT_MM = 360.0, 300.0
KIB = 1024 if sys.platform != "darwin" else 1  # unit of the largest resident size


@dataclass(frozen=True)
class MemoryCost:
    """Largest resident memory of ``segment_scans`` for one scan, reading, checks and statistics included.

    Attributes:
        size_px: Rows and columns of the scan.
        slices: Slices of the scan.
        peak_gb: Largest memory.
        half_peak_gb: Largest memory for a scan of half as many slices.
    """

    size_px: int
    slices: int
    peak_gb: float
    half_peak_gb: float

    @property
    def mb_per_slice(self) -> float:
        """Memory that each slice adds."""
        return 1000 * (self.peak_gb - self.half_peak_gb) / (self.slices - self.slices // 2)


class ThresholdNetwork(nn.Module):
    """Marks bright pixels at once, so that nothing but the way around the network is measured."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.zeros(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits ``(N, 1, H, W)`` of slices ``(N, 3, H, W)``."""
        return image[:, :1] - self.level


def measure_memory(slices: int = 1000, size_px: int = 512) -> MemoryCost:
    """Measure on a phantom enlarged to the size of a scan, by the way of the default bundle without its network.

    Args:
        slices: Slices of the scan.
        size_px: Rows and columns of the scan.
    """
    return MemoryCost(size_px, slices, _peak_of_a_process(slices, size_px), _peak_of_a_process(slices // 2, size_px))


def _peak_of_a_process(slices: int, size_px: int) -> float:
    """Largest memory of a process that segments one scan, in GB."""
    with tempfile.TemporaryDirectory() as folder:
        _write_scan(Path(folder) / "ct.nii", slices, size_px)
        torch.save(ThresholdNetwork().state_dict(), Path(folder) / "model.pt")
        program = f"from {__name__} import segment_and_print; segment_and_print({folder!r})"
        done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return float(done.stdout)


def _write_scan(path: Path, slices: int, size_px: int) -> None:
    in_plane_mm, gap_mm = FIELD_OF_VIEW_MM / COARSE[0], HEIGHT_MM / COARSE[2]
    phantom = make_phantom(0, COARSE, (in_plane_mm, in_plane_mm, gap_mm))
    columns = np.arange(size_px) * COARSE[0] // size_px
    planes = np.arange(slices) * COARSE[2] // slices
    image = phantom.image[np.ix_(columns, columns, planes)]
    spacing_mm = np.array([-FIELD_OF_VIEW_MM / size_px, -FIELD_OF_VIEW_MM / size_px, HEIGHT_MM / slices])
    nib.save(nib.Nifti1Image(image, np.diag([*spacing_mm, 1.0])), path)


def segment_and_print(folder: str) -> None:
    """Segment the scan in a folder; print the largest memory in GB.

    Args:
        folder: Folder with the scan and the weights.
    """
    network = {"_target_": f"{__name__}.ThresholdNetwork"}
    backbone = "$infnet_networks.get_backbone('efficientnet_lite0')"
    values: dict[str, Any] = {"network_def": network, "backbone": backbone, "amp": False}
    segmenter = Segmenter(device="cpu", weights=Path(folder) / "model.pt", **values)
    options = BatchOptions(report=False, progress=False)
    result = segment_scans([Path(folder) / "ct.nii"], Path(folder) / "out", segmenter, options)
    if result.failures or result.skipped:
        raise RuntimeError(f"nothing was measured: {result.failures or result.skipped}")
    print(_largest_memory_gb())


def _largest_memory_gb() -> float:
    """Largest resident memory of this process; ``ru_maxrss`` of Linux would count that of the parent before exec."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB / 1e9
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e9
