"""Seconds per slice as a bundle runs its network, beside the plain forward pass of the same weights."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from monai.inferers import SimpleInferer, SliceInferer
from torch import Tensor, nn
from torch.nn import functional
from tqdm import trange

from infnet_monai.benchmarks.ways import dice_of_masks, median_seconds
from infnet_monai.data import load_datalist
from infnet_monai.inference.inferers import AutocastInferer, supports_bf16
from infnet_monai.inference.optimize import prepare_for_inference
from infnet_monai.losses import StructureLoss
from infnet_monai.networks import InfNet, get_backbone
from infnet_monai.networks.model_weights import load_model_weights
from infnet_monai.phantom import phantom_dataset_dir
from infnet_monai.scans.load import load_upright
from infnet_monai.transforms.window import lung_window

__all__ = ["InferenceCost", "measure_inference"]

SLICE_BATCH = 4  # as in the bundles' inference.json
PHANTOM_SIZE, TRAINING_SIZE, TRAINING_BATCH = 256, 128, 4

Run = Callable[[], Tensor]


@dataclass(frozen=True)
class InferenceCost:
    """One way of running a network.

    Attributes:
        way: Name of the way.
        ms_per_slice: Time of a slice in ms, median over the repeats.
        speed_up: Speed-up over the plain forward pass, ratio of the medians.
        dice: Dice of its mask with that of the plain forward pass.
        lesion_pixels: Number of lesion pixels of its mask.
    """

    way: str
    ms_per_slice: float
    speed_up: float
    dice: float
    lesion_pixels: int


def measure_inference(
    backbone: str,
    weights: str | Path | None = None,
    slices: int = 16,
    repeats: int = 5,
    image_size: int = 352,
    training_steps: int = 500,
    means: bool = False,
) -> list[InferenceCost]:
    """Run a network plainly and as its bundle does, in turns, on the same phantom slices.

    Plain is what the authors' test script does: fp32, channels first, one slice at a time.

    Args:
        backbone: Name of a backbone.
        weights: File of trained weights; without one, the network is trained for a short while on phantom slices,
            because masks of random weights tell nothing.
        slices: Number of slices.
        repeats: Number of turns.
        image_size: Height and width of the slices.
        training_steps: Length of that training.
        means: Whether the means of speed are measured, too, each added to those before.

    Returns:
        The plain way first, then the bundle's.
    """
    network, images = _network_and_slices(backbone, weights, slices, image_size, training_steps)
    volume = images.movedim(0, -1)[None]
    ways: dict[str, Run] = {"plain": _one_by_one(network, images)}
    if means:
        ways |= _means_one_by_one(network, images, volume)
    else:
        ways["bundle"] = _as_bundle(network, volume, supports_bf16("cpu"))
    return _measure(ways, slices, repeats)


def _means_one_by_one(network: nn.Module, images: Tensor, volume: Tensor) -> dict[str, Run]:
    """Each means of speed added to those before."""
    last = copy.deepcopy(network).to(memory_format=torch.channels_last)
    folded = prepare_for_inference(copy.deepcopy(network), "cpu", bf16=False)
    rounded = prepare_for_inference(copy.deepcopy(network), "cpu", bf16=True)
    return {
        "channels last": _one_by_one(last, images),
        "+ batch norm folded": _one_by_one(folded, images),
        "+ bf16 autocast": _one_by_one(folded, images, bf16=True),
        "+ weights rounded once": _one_by_one(rounded, images, bf16=True),
        f"+ batches of {SLICE_BATCH}: the bundle": _as_bundle(network, volume, bf16=True),
        "the bundle in fp32": _as_bundle(network, volume, bf16=False),
    }


def _one_by_one(network: nn.Module, images: Tensor, bf16: bool = False) -> Run:
    inferer = AutocastInferer(SimpleInferer(), enabled=bf16)
    return lambda: torch.cat([inferer(image[None], network) for image in images])


def _as_bundle(network: nn.Module, volume: Tensor, bf16: bool) -> Run:
    prepared = prepare_for_inference(copy.deepcopy(network), "cpu", bf16)
    slices = SliceInferer(roi_size=volume.shape[2:4], sw_batch_size=SLICE_BATCH, spatial_dim=2)
    inferer = AutocastInferer(slices, enabled=bf16)
    return lambda: inferer(volume, prepared)[0].movedim(-1, 0)


@torch.inference_mode()
def _measure(ways: Mapping[str, Run], slices: int, repeats: int) -> list[InferenceCost]:
    masks = {way: run() > 0 for way, run in ways.items()}  # warms up, too
    medians = {way: seconds / slices for way, seconds in median_seconds(ways, repeats, time.perf_counter).items()}
    plain = next(iter(ways))
    return [
        InferenceCost(
            way,
            1000 * medians[way],
            medians[plain] / medians[way],
            dice_of_masks(masks[plain], masks[way]),
            int(masks[way].sum()),
        )
        for way in ways
    ]


def _network_and_slices(
    backbone: str, weights: str | Path | None, slices: int, image_size: int, training_steps: int
) -> tuple[nn.Module, Tensor]:
    """The network in eval mode, and normalised slices ``(slices, 3, image_size, image_size)``."""
    images, masks = _phantom_slices(backbone)
    torch.manual_seed(0)
    network = InfNet(backbone)
    if weights is not None:
        load_model_weights(network, weights)
    else:
        _train(network, images[slices:], masks[slices:], training_steps)
    return network.eval(), functional.interpolate(images[:slices], (image_size, image_size), mode="bilinear")


def _phantom_slices(backbone: str) -> tuple[Tensor, Tensor]:
    """Slices with lesion of two phantoms, normalised ``(N, 3, H, W)``, and their masks ``(N, 1, H, W)``, shuffled."""
    images: list[Tensor] = []
    masks: list[Tensor] = []
    for item in load_datalist(phantom_dataset_dir(), "training")[:2]:
        image, label = (load_upright(item[key]).as_tensor() for key in ("image", "label"))
        kept = label.flatten(0, 2).any(dim=0)
        for volume, stack in ((lung_window(image), images), ((label > 0).float(), masks)):
            stack.append(functional.interpolate(volume[..., kept].movedim(-1, 0), PHANTOM_SIZE))
    entry = get_backbone(backbone)
    mean, std = (torch.tensor(values)[:, None, None] for values in (entry.mean, entry.std))
    normalised, lesions = (torch.cat(images) - mean) / std, torch.cat(masks)
    order = torch.randperm(len(lesions), generator=torch.Generator().manual_seed(0))
    return normalised[order], lesions[order]


def _train(network: nn.Module, images: Tensor, masks: Tensor, steps: int) -> None:
    optimizer, loss = torch.optim.Adam(network.parameters(), lr=5e-4), StructureLoss()
    generator = torch.Generator().manual_seed(0)
    network.train()
    for _ in trange(steps, desc="Training on phantom slices", leave=False):
        chosen = torch.randint(len(images), (TRAINING_BATCH,), generator=generator)
        small = [functional.interpolate(stack[chosen], (TRAINING_SIZE, TRAINING_SIZE)) for stack in (images, masks)]
        optimizer.zero_grad()
        torch.stack([loss(logits, small[1]) for logits in network(small[0])[:-1]]).sum().backward()
        optimizer.step()
