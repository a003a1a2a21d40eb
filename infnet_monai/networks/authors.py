"""Checkpoints of Inf-Net's authors (``Inf-Net-100.pth`` and the like) for the networks of this package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from infnet_monai.errors import InputError
from infnet_monai.networks.infnet import InfNet
from infnet_monai.networks.model_weights import read_tensors

__all__ = ["build_authors_network", "convert_authors_checkpoint", "convert_authors_state_dict"]

SHOWN_KEYS = 4

# What the authors' networks differ in from the defaults of this package.
LAYOUTS: dict[str, dict[str, Any]] = {
    "res2net50": {},
    "resnet50": {},
    "vgg16": {"out_indices": (1, 2, 3, 4), "pooling": "avg"},
}

# The encoder's classifier, and a second branch of their VGG16, take no part in the forward pass.
UNUSED = re.compile(r"resnet\.fc\.|vgg\.conv[45]_2\.")

# Position of a VGG16 convolution in the layer list of timm's model, by block and place in the block.
VGG_LAYERS = {
    (block, place): start + 2 * (place - 1)
    for block, start, depth in ((1, 0, 2), (2, 5, 2), (3, 10, 3), (4, 17, 3), (5, 24, 3))
    for place in range(1, depth + 1)
}

PARTIAL_DECODER = {
    "conv_upsample1": "up_high_to_middle",
    "conv_upsample2": "up_high_to_low",
    "conv_upsample3": "up_middle_to_low",
    "conv_upsample4": "up_high_to_merge",
    "conv_upsample5": "up_merged",
    "conv_concat2": "merge_middle",
    "conv_concat3": "merge_low",
    "conv4": "refine",
    "conv5": "classify",
}


def build_authors_network(backbone: str, pretrained: bool | str | Path = False) -> InfNet:
    """Build Inf-Net with the layout of its authors' published code.

    Only VGG16 differs from the default: blocks 2 to 5 and average pooling.

    Args:
        backbone: ``"res2net50"``, ``"resnet50"`` or ``"vgg16"``.
        pretrained: Weights of the encoder, see :class:`InfNet`.

    Returns:
        The network.

    Raises:
        InputError: The authors published no network of this backbone.
    """
    if backbone not in LAYOUTS:
        raise InputError(f"backbone {backbone!r}: the authors' checkpoints are of {', '.join(LAYOUTS)}. Name one.")
    return InfNet(backbone, pretrained=pretrained, **LAYOUTS[backbone])


def convert_authors_state_dict(state_dict: Mapping[str, Tensor], backbone: str) -> dict[str, Tensor]:
    """Rename the tensors of an authors' checkpoint to those of :func:`build_authors_network`.

    Args:
        state_dict: State dict of the authors' ``Network`` class, as saved by their training script.
        backbone: ``"res2net50"``, ``"resnet50"`` or ``"vgg16"``.

    Returns:
        State dict of ``build_authors_network(backbone)``.

    Raises:
        InputError: Unknown backbone, or keys that do not fit; the message names the first of them.
    """
    with torch.device("meta"):
        expected = build_authors_network(backbone).state_dict()
    converted: dict[str, Tensor] = {}
    problems = []
    for key, tensor in state_dict.items():
        if UNUSED.match(key):
            continue
        renamed = _rename(key)
        if renamed not in expected:
            problems.append(f"{key} is unknown")
        elif tensor.shape != expected[renamed].shape:
            problems.append(f"{key} has shape {tuple(tensor.shape)} instead of {tuple(expected[renamed].shape)}")
        else:
            converted[renamed] = tensor
    problems += [f"nothing for {key}" for key in expected if not problems and key not in converted]
    if problems:
        shown = "; ".join(problems[:SHOWN_KEYS]) + ("; ..." if len(problems) > SHOWN_KEYS else "")
        raise InputError(
            f"the checkpoint does not fit the authors' Inf-Net with {backbone}: {len(problems)} keys do not match "
            f"({shown}). Name the backbone it was trained with."
        )
    return converted


def convert_authors_checkpoint(
    input_path: str | Path, output_path: str | Path, backbone: str, overwrite: bool = False
) -> None:
    """Convert an authors' checkpoint file to one that a bundle loads.

    Args:
        input_path: The authors' ``.pth`` file.
        output_path: File to write: a plain state dict of :func:`build_authors_network`.
        backbone: ``"res2net50"``, ``"resnet50"`` or ``"vgg16"``.
        overwrite: Replace an existing output file.

    Raises:
        InputError: The input is missing, unreadable or of another network, or the output exists.
    """
    input_path, output_path = Path(input_path), Path(output_path)
    if output_path.exists() and not overwrite:
        raise InputError(f"{output_path}: exists already. Name another output file, or allow to overwrite it.")
    if not input_path.is_file():
        raise InputError(f"{input_path}: no such checkpoint. Give the authors' .pth file.")
    try:
        state_dict = read_tensors(input_path)
    except Exception as error:  # unpickling raises whatever the damaged bytes lead to
        raise InputError(f"{input_path}: is no checkpoint of plain tensors. Give the authors' .pth file.") from error
    if not isinstance(state_dict, Mapping) or not all(isinstance(value, Tensor) for value in state_dict.values()):
        raise InputError(f"{input_path}: is no state dict. Give the authors' .pth file.")
    try:
        converted = convert_authors_state_dict(state_dict, backbone)
    except InputError as error:
        raise InputError(f"{input_path}: {error}") from error
    output_path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(converted, output_path)


def _rename(key: str) -> str:
    """Return the name of a tensor in this package; a key that is not the authors' stays as it is."""
    module, _, rest = key.partition(".")
    if module == "resnet":
        return f"encoder.features.{rest}"
    if match := re.fullmatch(r"vgg\.conv\d(?:_1)?\.conv(\d)_(\d)(?:_1)?\.(weight|bias)", key):
        position = VGG_LAYERS.get((int(match[1]), int(match[2])))
        return f"encoder.features.features_{position}.{match[3]}"
    if match := re.fullmatch(r"rfb([234])_1\.(.+)", key):
        return f"receptive_fields.{int(match[1]) - 2}.{_rename_receptive_field(match[2])}"
    if module == "ParDec":
        layer, _, rest = rest.partition(".")
        return f"partial_decoder.{PARTIAL_DECODER.get(layer, layer)}.{rest}"
    if match := re.fullmatch(r"edge_conv([1-4])", module):
        place = int(match[1])
        return f"edge_attention.classify.{rest}" if place == 4 else f"edge_attention.embed.{place - 1}.{rest}"
    if match := re.fullmatch(r"ra([234])_conv([1-5])", module):
        # Their stages count like the features' blocks, from 4 (f5) down; every second layer of `refine` is a ReLU.
        stage, place = 4 - int(match[1]), int(match[2])
        layer = "embed" if place == 1 else f"refine.{2 * (place - 2)}"
        return f"reverse_attentions.{stage}.{layer}.{rest}"
    return key


def _rename_receptive_field(key: str) -> str:
    """Return the name of a tensor inside a receptive field block."""
    if match := re.fullmatch(r"branch([1-3])\.(.+)", key):
        return f"branches.{int(match[1]) - 1}.{match[2]}"
    for theirs, ours in (("branch0.0.", "pointwise."), ("conv_cat.", "merge."), ("conv_res.", "shortcut.")):
        if key.startswith(theirs):
            return ours + key.removeprefix(theirs)
    return key
