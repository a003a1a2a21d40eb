"""ImageNet weights of the encoders: from the timm hub, its cache, or a file."""

from __future__ import annotations

import logging
import urllib.error
import urllib.request
import warnings
from collections.abc import Mapping
from pathlib import Path

import timm
from huggingface_hub import constants, try_to_load_from_cache
from timm.models import adapt_input_conv, load_state_dict
from torch import Tensor, nn

from infnet_monai.errors import InputError

__all__ = ["load_encoder_weights", "match_state_dict"]

logger = logging.getLogger(__name__)

HUB_TIMEOUT_S = 5.0
SHOWN_KEYS = 4


def load_encoder_weights(
    features: nn.Module, timm_name: str | None, pretrained: bool | str = False, in_channels: int = 3
) -> str:
    """Load weights into an encoder's features and say where they came from.

    Args:
        features: The module of :class:`infnet_monai.networks.encoders.Encoder`.
        timm_name: The timm model whose ImageNet weights fit, or ``None`` where there is none on the hub.
        pretrained: ``False``, ``True``, ``"auto"`` or the path of a weight file.
        in_channels: Channels of the input image; the first convolution is adapted where it is not 3.

    Returns:
        The origin of the weights: ``"random"``, ``"hub: NAME"`` or ``"file: PATH"``.

    Raises:
        InputError: The weights cannot be had or do not fit (with ``"auto"`` only where they do not fit).
    """
    if pretrained is False:
        return "random"
    if isinstance(pretrained, str) and pretrained != "auto":
        state_dict, origin = _read_weight_file(pretrained), f"file: {pretrained}"
    else:
        try:
            state_dict, origin = _read_hub_weights(timm_name), f"hub: {timm_name}"
        except InputError as error:
            if pretrained is True:
                raise
            warnings.warn(f"{error} The encoder starts from random weights.", stacklevel=2)
            return "random (ImageNet weights could not be had)"
    matched = match_state_dict(features, state_dict, origin, in_channels)
    features.load_state_dict(matched)
    unused = len(state_dict) - len(matched)
    logger.info("Encoder weights: %d tensors from %s (%d of the file are not used).", len(matched), origin, unused)
    return origin


def match_state_dict(
    features: nn.Module, state_dict: Mapping[str, Tensor], origin: str, in_channels: int = 3
) -> dict[str, Tensor]:
    """Pick the tensors of a checkpoint that belong to an encoder.

    timm's ``features_only`` writes ``features_0.weight`` where the whole model has ``features.0.weight``: dots and
    underscores count as equal. Tensors that the encoder does not have (a classifier, deeper stages) are left out.

    Args:
        features: The encoder's module.
        state_dict: Tensors of the checkpoint.
        origin: Where they come from, for the error message.
        in_channels: Channels of the input image.

    Returns:
        A state dict with exactly the keys of ``features``.

    Raises:
        InputError: A tensor is missing or has another shape; the message names the first such keys.
    """
    available = {key.replace(".", "_"): tensor for key, tensor in state_dict.items()}
    matched: dict[str, Tensor] = {}
    problems = []
    for position, (key, own) in enumerate(features.state_dict().items()):
        tensor = available.get(key.replace(".", "_"))
        if tensor is None:
            if key.endswith("num_batches_tracked"):
                matched[key] = own
                continue
            problems.append(f"{key} is missing")
            continue
        if position == 0 and in_channels != 3 and own.ndim == 4:
            tensor = adapt_input_conv(in_channels, tensor.float())
        if tensor.shape != own.shape:
            problems.append(f"{key} has shape {tuple(tensor.shape)} instead of {tuple(own.shape)}")
            continue
        matched[key] = tensor.to(own.dtype)
    if problems:
        shown = "; ".join(problems[:SHOWN_KEYS]) + ("; ..." if len(problems) > SHOWN_KEYS else "")
        raise InputError(
            f"the weights of {origin} do not fit this encoder: {len(problems)} of {len(features.state_dict())} tensors "
            f"do not match ({shown}). Give a weight file of the same network."
        )
    return matched


def _read_weight_file(path: str) -> Mapping[str, Tensor]:
    if not Path(path).is_file():
        raise InputError(f"pretrained={path!r}: no such weight file. Give a .pth or .safetensors file, true or false.")
    try:
        return load_state_dict(path, use_ema=False)
    except Exception as error:  # the readers raise whatever the damaged bytes lead to
        raise InputError(f"{path}: cannot be read as a weight file ({error}). Fetch the file again.") from error


def _read_hub_weights(timm_name: str | None) -> Mapping[str, Tensor]:
    config = timm.get_pretrained_cfg(timm_name) if timm_name else None
    if config is None or not (config.hf_hub_id or config.url or config.file):
        raise InputError("there are no ImageNet weights on the hub for this backbone: give pretrained=PATH or false.")
    if config.hf_hub_id and not _is_cached(config.hf_hub_id) and not _hub_answers():
        raise InputError(
            f"the ImageNet weights of {timm_name} are not cached and {constants.ENDPOINT} does not answer: "
            "give pretrained=PATH (a weight file) or false."
        )
    return timm.create_model(timm_name, pretrained=True).state_dict()


def _is_cached(hub_id: str) -> bool:
    names = ("model.safetensors", "pytorch_model.bin")
    return any(isinstance(try_to_load_from_cache(hub_id, name), str) for name in names)


def _hub_answers() -> bool:
    """Ask once with a short time-out: the hub's own client retries for most of a minute."""
    try:
        urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=HUB_TIMEOUT_S)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
