"""Inferers around any MONAI inferer: bf16 autocast, test-time augmentation by flips, the network prepared for speed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any
from weakref import WeakKeyDictionary

import torch
from monai.inferers import Inferer
from monai.transforms import Compose
from torch import Tensor, nn

from infnet_monai.inference.optimize import prepare_for_inference
from infnet_monai.networks.depthwise import DepthwiseInFloat32

__all__ = ["AutocastInferer", "FlipInferer", "PreparedInferer", "SlabInferer", "supports_bf16"]


def supports_bf16(device: str | torch.device) -> bool:
    """Tell whether a device computes bf16 in hardware: CUDA from Ampere on, CPUs with AVX512-BF16 or AMX.

    Args:
        device: The device that the network runs on.
    """
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


class AutocastInferer(Inferer):
    """Run an inferer in bf16 autocast and give its outputs back in float32.

    MONAI's engines write ``torch.autocast("cuda")``: their ``amp`` does nothing on a CPU.

    Args:
        inferer: The inferer that does the work.
        enabled: Whether autocast is on.
        depthwise_in_float32: Whether training on a CPU leaves depthwise convolutions out of it, see
            :class:`infnet_monai.networks.depthwise.DepthwiseInFloat32`.
    """

    def __init__(self, inferer: Inferer, enabled: bool = True, depthwise_in_float32: bool = True):
        super().__init__()
        self.inferer = inferer
        self.enabled = enabled
        self.depthwise_in_float32 = depthwise_in_float32

    def __call__(self, inputs: Tensor, network: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what the wrapped inferer returns: a tensor or a named tuple of tensors."""
        exact = self.enabled and self.depthwise_in_float32 and inputs.device.type == "cpu" and torch.is_grad_enabled()
        with (
            torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=self.enabled),
            DepthwiseInFloat32() if exact else nullcontext(),
        ):
            outputs = self.inferer(inputs, network, *args, **kwargs)
        if isinstance(outputs, Tensor):
            return outputs.float()
        return type(outputs)(*(output.float() for output in outputs))


class FlipInferer(Inferer):
    """Test-time augmentation: run the network on each batch and its mirrored slices together, average the logits.

    Args:
        inferer: The inferer that does the work.
        spatial_axes: Axes to mirror along, one at a time. In slices of a scan oriented PLS, axis 1 runs from right to
            left.
        enabled: Whether the slices are mirrored at all.

    Example:
        >>> from monai.inferers import SimpleInferer
        >>> image = torch.tensor([[[[1.0, 2.0]]]])
        >>> FlipInferer(SimpleInferer())(image, lambda batch: batch * torch.tensor([0.0, 2.0])).tolist()
        [[[[1.0, 2.0]]]]
    """

    def __init__(self, inferer: Inferer, spatial_axes: Sequence[int] = (1,), enabled: bool = True):
        super().__init__()
        self.inferer = inferer
        self.dims = [axis + 2 for axis in spatial_axes] if enabled else []

    def __call__(self, inputs: Tensor, network: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what the wrapped inferer returns: logits of the shape that the network gives."""

        def mean(batch: Tensor) -> Tensor:
            logits, *mirrored = network(torch.cat([batch, *map(batch.flip, self.dims)])).chunk(1 + len(self.dims))
            upright = [view.flip(dim) for view, dim in zip(mirrored, self.dims, strict=True)]
            return torch.stack([logits, *upright]).mean(dim=0)

        return self.inferer(inputs, mean if self.dims else network, *args, **kwargs)


class SlabInferer(Inferer):
    """Bring a volume to the network's channels, mean and standard deviation and run it slab by slab.

    Whole scans in three channels of float32 would take three times the memory of the scan; the logits are the same.

    Args:
        inferer: The inferer that does the work, for slices that do not depend on each other.
        normalization: Dictionary transforms of ``image``, voxel by voxel.
        slices: Slices of a slab; a multiple of the batch size, so that batches are those of the whole volume.
        key: Key that the transforms have the image under.

    Example:
        >>> from monai.inferers import SliceInferer
        >>> from monai.transforms import RepeatChanneld
        >>> by_slice = SliceInferer(roi_size=(2, 2), sw_batch_size=1, spatial_dim=2)
        >>> inferer = SlabInferer(by_slice, [RepeatChanneld("image", 3)], slices=2)
        >>> inferer(torch.ones(1, 1, 2, 2, 5), lambda batch: batch.sum(dim=1, keepdim=True)).unique().tolist()
        [3.0]
    """

    def __init__(self, inferer: Inferer, normalization: Sequence[Callable] = (), slices: int = 64, key: str = "image"):
        super().__init__()
        self.inferer = inferer
        self.normalization = Compose(list(normalization))
        self.slices = slices
        self.key = key

    def __call__(self, inputs: Tensor, network: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the logits ``(N, C, H, W, D)`` of a volume with as many slices."""
        whole = None
        for start in range(0, inputs.shape[-1], self.slices):
            slab = inputs[..., start : start + self.slices]
            images = torch.stack([self.normalization({self.key: image})[self.key] for image in slab])
            logits = self.inferer(images, network, *args, **kwargs)
            if whole is None:
                whole = logits.new_empty((*logits.shape[:-1], inputs.shape[-1]))
            whole[..., start : start + self.slices] = logits
        return whole


class PreparedInferer(Inferer):
    """Prepare the network for speed before it runs, once for each network.

    MONAI Label loads a bundle's weights into ``network_def`` and never builds ``network``. Without the preparation its
    masks would differ from those of :class:`infnet_monai.inference.Segmenter` by the rounding of bf16.

    Args:
        inferer: The inferer that does the work.
        bf16: Whether it runs the network in bf16 autocast.
    """

    def __init__(self, inferer: Inferer, bf16: bool = False):
        super().__init__()
        self.inferer = inferer
        self.bf16 = bf16
        self._prepared: WeakKeyDictionary[nn.Module, nn.Module] = WeakKeyDictionary()

    def __call__(self, inputs: Tensor, network: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what the wrapped inferer returns; a network prepared already, without gradients, stays as it is."""
        if any(weight.requires_grad for weight in network.parameters()):
            network = self._prepare(network, inputs.device)
        return self.inferer(inputs, network, *args, **kwargs)

    def _prepare(self, network: nn.Module, device: torch.device) -> nn.Module:
        if network not in self._prepared:
            self._prepared[network] = prepare_for_inference(copy.deepcopy(network), device, self.bf16)
        return self._prepared[network]
