"""Time of the published tables' metrics beside PySODMetrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from monai.utils import optional_import
from scipy.ndimage import gaussian_filter

from infnet_monai.benchmarks.ways import median_seconds
from infnet_monai.metrics import paper_metrics

__all__ = ["MetricsCost", "measure_metrics"]

py_sod_metrics, _ = optional_import("py_sod_metrics", descriptor="{}: pip install pysodmetrics")


@dataclass(frozen=True)
class MetricsCost:
    """CPU time of the paper's protocol for one slice, in the median of the rounds.

    Attributes:
        image_size: Height and width of the slices in pixels.
        batch_size: Number of slices.
        pysodmetrics_ms: By PySODMetrics, one slice after the other.
        singles_ms: By :func:`infnet_monai.metrics.paper_metrics`, one slice after the other.
        batch_ms: By the same, all slices at once.
        largest_difference: Largest difference between the two in any metric of any slice.
    """

    image_size: int
    batch_size: int
    pysodmetrics_ms: float
    singles_ms: float
    batch_ms: float
    largest_difference: float

    @property
    def speed_up(self) -> float:
        """Return the speed-up of single slices over PySODMetrics."""
        return self.pysodmetrics_ms / self.singles_ms

    @property
    def batch_speed_up(self) -> float:
        """Return the speed-up of the batch over its slices one by one."""
        return self.singles_ms / self.batch_ms


def measure_metrics(image_size: int = 352, batch_size: int = 16, repeats: int = 20) -> MetricsCost:
    """Time the full protocol on synthetic 8-bit probability maps, the contenders in turn, PyTorch on one thread.

    The metrics are the mean, maximum and adaptive Dice, sensitivity, specificity and enhanced alignment, the
    structure measure and the MAE. PySODMetrics gets the 8-bit arrays it expects, ``paper_metrics`` float32 and bool.

    Args:
        image_size: Height and width of the slices in pixels.
        batch_size: Number of slices.
        repeats: Rounds of which the median is taken, after one that does not count.

    Returns:
        The times for a slice.

    Raises:
        OptionalImportError: PySODMetrics is not installed.
    """
    pairs = [_synthetic_pair(image_size, seed) for seed in range(batch_size)]
    maps = torch.stack([torch.from_numpy(pred)[None] for pred, _ in pairs]).float() / 255
    masks = torch.stack([torch.from_numpy(mask > 0)[None] for _, mask in pairs])
    contenders: dict[str, Callable[[], object]] = {
        "pysodmetrics": lambda: [pysodmetrics_values(*pair) for pair in pairs],
        "singles": lambda: [paper_metrics(maps[i : i + 1], masks[i : i + 1]) for i in range(batch_size)],
        "batch": lambda: paper_metrics(maps, masks),
    }
    with _one_thread():
        seconds = _in_turn(contenders, repeats)
    theirs = np.stack([pysodmetrics_values(*pair) for pair in pairs])
    return MetricsCost(
        image_size,
        batch_size,
        **{f"{name}_ms": 1e3 * total / batch_size for name, total in seconds.items()},
        largest_difference=float(np.abs(paper_metrics(maps, masks).values.numpy() - theirs).max()),
    )


def pysodmetrics_values(pred: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Compute the metrics of the paper's protocol with PySODMetrics.

    Args:
        pred: Probability map of 0 to 255, uint8 ``(H, W)``.
        mask: Reference of 0 and 255, uint8 ``(H, W)``.

    Returns:
        One value a metric, columns as in ``select_metrics("paper")``.
    """
    handlers = ("DICEHandler", "RecallHandler", "SpecificityHandler")
    overlap = py_sod_metrics.FmeasureV2({name: getattr(py_sod_metrics, name)(True, True) for name in handlers})
    alignment, structure, error = py_sod_metrics.Emeasure(), py_sod_metrics.Smeasure(), py_sod_metrics.MAE()
    for metric in (overlap, alignment, structure, error):
        metric.step(pred, mask)
    results, e_measure = overlap.get_results(), alignment.get_results()["em"]
    curves = [*(results[name]["dynamic"] for name in handlers), e_measure["curve"]]
    adaptive = [*(results[name]["adaptive"] for name in handlers), e_measure["adp"]]
    means, maxima = [curve.mean() for curve in curves], [curve.max() for curve in curves]
    s_measure, mae = structure.get_results()["sm"], error.get_results()["mae"]
    return np.array([*means[:3], s_measure, means[3], mae, *maxima, *adaptive])


def _synthetic_pair(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make a noisy probability map of smooth blobs and the blobs themselves, both 8-bit."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=(size, size)), sigma=size / 30)
    field = (field - np.quantile(field, 0.85)) / field.std()
    pred = 1 / (1 + np.exp(-4 * field + 0.3 * rng.normal(size=field.shape)))
    return (255 * pred).round().astype(np.uint8), np.where(field > 0, 255, 0).astype(np.uint8)


def _in_turn(contenders: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median CPU seconds of each, after each has warmed up."""
    for run in contenders.values():
        run()
    return median_seconds(contenders, repeats)


@contextmanager
def _one_thread() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
