"""Cost of a slice by each engine, beside torch as the bundles run it, and how similar the masks are."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from infnet_monai.benchmarks.ways import dice_of_masks, median_seconds
from infnet_monai.errors import InputError
from infnet_monai.inference import supports_bf16
from infnet_monai.inference.engines import ENGINES, load_in_engine
from infnet_monai.inference.engines.openvino import OpenVinoEngine
from infnet_monai.inference.optimize import prepare_for_inference
from infnet_monai.networks import InfNet, get_backbone
from infnet_monai.networks.model_weights import load_model_weights
from infnet_monai.scans.load import load_upright
from infnet_monai.transforms.window import lung_window

__all__ = ["EngineCost", "measure_engines"]

Run = Callable[[], Tensor]


class OpenVinoInBf16(OpenVinoEngine):
    """OpenVINO in bf16, which is measured and not offered."""

    precision = "bf16"


REJECTED = (OpenVinoInBf16(),)


@dataclass(frozen=True)
class EngineCost:
    """One engine with one network.

    Attributes:
        engine: Engine and precision.
        cpu_ms_per_slice: Processor time of a slice in ms, median over the turns.
        speed_up: Speed-up over torch as the bundle runs it, ratio of the medians.
        dice: Dice of its mask with that of torch in float32; ``nan`` without trained weights or lesion.
        relative_error: 2-norm of its logits' difference from torch in float32, over the 2-norm of these.
    """

    engine: str
    cpu_ms_per_slice: float
    speed_up: float
    dice: float
    relative_error: float


def measure_engines(
    backbone: str,
    weights: str | Path | None = None,
    scan: str | Path | None = None,
    slices: int = 8,
    turns: int = 5,
    batch_size: int = 4,
    image_size: int = 352,
) -> list[EngineCost]:
    """Run a network by each installed engine in turns on the same slices.

    Processor time on the threads that torch has is measured, so that other programs of the machine disturb less.

    Args:
        backbone: Name of a backbone.
        weights: File of trained weights; random by default, whose masks tell nothing.
        scan: A CT scan in HU, whose middle slices are used; noise by default.
        slices: Number of slices.
        turns: Number of turns.
        batch_size: Slices in a batch.
        image_size: Height and width of the slices.

    Returns:
        Torch as the bundle runs it first, then torch in float32, then the engines.
    """
    torch.manual_seed(0)
    network = InfNet(backbone).eval()
    with tempfile.TemporaryDirectory() as folder:
        if weights is None:
            file = Path(folder) / "random.pt"
            torch.save(network.state_dict(), file)
        else:
            load_model_weights(network, weights)
            file = Path(weights)
        images = _scan_slices(backbone, scan, slices, image_size) if scan else torch.randn(slices, 3, *[image_size] * 2)
        ways = _ways(network, file, images, batch_size)
    return _measure(ways, slices, turns, trained=weights is not None and scan is not None)


def _ways(network: nn.Module, weights: Path, images: Tensor, batch_size: int) -> dict[str, Run]:
    # Torch's setting lets one machine stand in for another, whose processor lacks bf16.
    bf16 = supports_bf16("cpu") and "ONEDNN_MAX_CPU_ISA" not in os.environ
    float32 = prepare_for_inference(copy.deepcopy(network), "cpu", bf16=False)
    ways = {"torch f32": _batches(float32, images, batch_size, bf16=False)}
    if bf16:
        rounded = prepare_for_inference(copy.deepcopy(network), "cpu", bf16=True)
        ways = {"torch bf16": _batches(rounded, images, batch_size, bf16=True), **ways}
    for engine in (*ENGINES, *(REJECTED if bf16 else ())):
        try:
            engine.version()
        except InputError:
            continue
        loaded = load_in_engine(engine, float32, weights, (batch_size, *images.shape[1:]))
        ways[f"{engine.name} {engine.precision}"] = _batches(loaded, images, batch_size, bf16=False)
    return ways


def _batches(network: nn.Module, images: Tensor, batch_size: int, bf16: bool) -> Run:
    def run() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16) if bf16 else nullcontext():
            return torch.cat([network(batch).float() for batch in images.split(batch_size)])

    return run


@torch.inference_mode()
def _measure(ways: Mapping[str, Run], slices: int, turns: int, trained: bool) -> list[EngineCost]:
    logits = {way: run() for way, run in ways.items()}  # warms up, too
    medians = {way: seconds / slices for way, seconds in median_seconds(ways, turns).items()}
    default, exact = next(iter(ways)), logits["torch f32"]
    return [
        EngineCost(
            way,
            1000 * medians[way],
            medians[default] / medians[way],
            dice_of_masks(logits[way] > 0, exact > 0) if trained else float("nan"),
            float((logits[way] - exact).norm() / exact.norm()),
        )
        for way in ways
    ]


def _scan_slices(backbone: str, scan: str | Path, slices: int, image_size: int) -> Tensor:
    """Normalised slices ``(slices, 3, image_size, image_size)`` evenly from the middle half of a scan."""
    volume = lung_window(load_upright(scan).as_tensor())
    depth = volume.shape[-1]
    chosen = torch.linspace(depth // 4, max(3 * depth // 4 - 1, depth // 4), slices).long()
    entry = get_backbone(backbone)
    mean, std = (torch.tensor(values)[:, None, None] for values in (entry.mean, entry.std))
    stack = functional.interpolate(volume[..., chosen].movedim(-1, 0).float(), (image_size, image_size))
    return (stack - mean) / std
