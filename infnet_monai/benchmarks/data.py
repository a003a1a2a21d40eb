"""Slices a second: from cached volumes, and by reading each volume for each slice."""

from __future__ import annotations

import random
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.transforms import CastToTyped, Compose, RepeatChanneld, Resized
from torch.utils.data import DataLoader

from infnet_monai.data import SliceDataset
from infnet_monai.transforms import LesionMaskd, LoadScand, LungWindowd

__all__ = ["DataCost", "measure_data"]


@dataclass(frozen=True)
class DataCost:
    """Speed and memory of the training data.

    Attributes:
        cached_per_s: Slices a second from :class:`infnet_monai.data.SliceDataset`, batches of 8, one thread.
        reading_per_s: Slices a second where each slice reads its ``.nii.gz`` again.
        build_s: Seconds to read and transform the volumes once.
        cached_mb_per_slice: Memory of the cache for one slice in MB.
        peak_mb_per_slice: Growth of the process's peak memory while the cache is built, for one slice in MB.
    """

    cached_per_s: float
    reading_per_s: float
    build_s: float
    cached_mb_per_slice: float
    peak_mb_per_slice: float


def measure_data(
    volumes: int = 4, shape: tuple[int, int, int] = (512, 512, 32), image_size: int = 352, reads: int = 6
) -> DataCost:
    """Measure on volumes of noise, written for the purpose.

    Args:
        volumes: Number of volumes.
        shape: Shape ``(X, Y, Z)`` of each volume.
        image_size: Height and width of the slices in pixels.
        reads: Number of slices that are read from disk one by one.

    Returns:
        Speed and memory.
    """
    with tempfile.TemporaryDirectory() as folder:
        items = [_write_volume(Path(folder), k, shape) for k in range(volumes)]
        transform = Compose(
            [
                LoadScand(["image", "label"]),
                LungWindowd("image"),
                LesionMaskd("label"),
                Resized(["image", "label"], (image_size, image_size, -1), mode=["bilinear", "nearest"]),
                CastToTyped("label", torch.uint8),
            ]
        )
        three_channels = RepeatChanneld("image", 3)
        start, memory_mb = time.perf_counter(), _peak_memory_mb()
        dataset = SliceDataset(items, transform, three_channels)
        build_s, grown_mb = time.perf_counter() - start, _peak_memory_mb() - memory_mb
        cached_per_s = _slices_per_second(dataset)
        start = time.perf_counter()
        for position in random.Random(0).sample(range(len(dataset)), reads):
            SliceDataset([items[dataset.index[position][0]]], transform, three_channels)[0]
        reading_per_s = reads / (time.perf_counter() - start)
    cached = sum(tensor.nbytes for volume in dataset.volumes for tensor in volume.values())
    return DataCost(cached_per_s, reading_per_s, build_s, cached / len(dataset) / 1e6, grown_mb / len(dataset))


def _peak_memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _slices_per_second(dataset: SliceDataset, epochs: int = 5) -> float:
    loader = DataLoader(dataset, batch_size=8, shuffle=True, collate_fn=_stack)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.perf_counter()
    for _ in range(epochs):
        for _batch in loader:
            pass
    seconds = time.perf_counter() - start
    torch.set_num_threads(threads)
    return epochs * len(dataset) / seconds


def _stack(items: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    return {key: torch.stack([item[key] for item in items]) for key in ("image", "label")}


def _write_volume(folder: Path, number: int, shape: tuple[int, int, int]) -> dict[str, str]:
    rng = np.random.default_rng(number)
    arrays = {"image": rng.integers(-1000, 200, shape, dtype=np.int16), "label": rng.random(shape) > 0.9}
    paths = {key: str(folder / f"{key}_{number}.nii.gz") for key in arrays}
    for key, array in arrays.items():
        nib.save(nib.Nifti1Image(array.astype(np.int16), np.eye(4)), paths[key])
    return paths
