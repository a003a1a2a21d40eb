"""ImageNet weights of the encoders: from the timm hub, its cache, an installed package or a file."""

from __future__ import annotations

import importlib.util
import logging
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import timm
from huggingface_hub import constants, try_to_load_from_cache
from timm.models import PretrainedCfg, adapt_input_conv, load_state_dict
from torch import Tensor, nn

from infnet_monai.errors import InputError
from infnet_monai.networks.registry import Backbone

__all__ = ["load_encoder_weights", "match_state_dict"]

logger = logging.getLogger(__name__)

HUB_TIMEOUT_S = 5.0
HUB_FILES = ("model.safetensors", "pytorch_model.bin")
SHOWN_KEYS = 4


def load_encoder_weights(
    features: nn.Module, backbone: Backbone, pretrained: bool | str | Path = False, in_channels: int = 3
) -> str:
    """Load weights into an encoder's features and say where they came from.

    ImageNet weights are looked for in the hub's cache, on the hub and in the package that the backbone's registry
    entry names, in this order.

    Args:
        features: The module of :class:`infnet_monai.networks.encoders.Encoder`.
        backbone: The encoder's registry entry.
        pretrained: ``False``, ``True``, ``"auto"`` or the path of a weight file.
        in_channels: Channels of the input image; the first convolution is adapted where it is not 3.

    Returns:
        The origin of the weights: ``"random"``, ``"hub: NAME"``, ``"package: NAME"`` or ``"file: PATH"``.

    Raises:
        InputError: The weights cannot be had or do not fit. With ``"auto"`` only a misfit is an error: where no
            weights can be had, a warning is logged and the encoder keeps its random weights.
    """
    if pretrained is False:
        return "random"
    if pretrained is not True and pretrained != "auto":
        state_dict, origin = _read_weight_file(Path(pretrained)), f"file: {pretrained}"
    else:
        try:
            state_dict, origin = _find_imagenet_weights(features, backbone)
        except InputError as error:
            if pretrained is True:
                raise
            logger.warning("%s The encoder starts from random weights.", error)
            return "random"
    matched = match_state_dict(features, state_dict, origin, in_channels)
    features.load_state_dict(matched)
    unused = sorted(set(map(_plain, state_dict)) - set(map(_plain, matched)))
    logger.info("Encoder %s: %d tensors from %s, not used: %s.", backbone.name, len(matched), origin, _shown(unused))
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
        in_channels: Channels of the input image; weights for three channels are summed or repeated to fit.

    Returns:
        A state dict with exactly the keys of ``features``.

    Raises:
        InputError: A tensor is missing or has another shape; the message names the first such keys.
    """
    available = {_plain(key): tensor for key, tensor in state_dict.items()}
    matched: dict[str, Tensor] = {}
    problems = []
    for key, own in features.state_dict().items():
        tensor = available.get(_plain(key))
        if tensor is None and key.endswith("num_batches_tracked"):
            tensor = own
        if tensor is None:
            problems.append(f"{key} is missing")
            continue
        if own.ndim == tensor.ndim == 4 and tensor.shape[1] == 3 and own.shape[1] == in_channels != 3:
            tensor = adapt_input_conv(in_channels, tensor.float())
        if tensor.shape != own.shape:
            problems.append(f"{key} has shape {tuple(tensor.shape)} instead of {tuple(own.shape)}")
            continue
        matched[key] = tensor.to(own.dtype)
    if problems:
        raise InputError(
            f"{origin}: the weights do not fit this encoder: {len(problems)} of {len(features.state_dict())} tensors "
            f"do not match ({_shown(problems)}). Give a weight file of the same network."
        )
    return matched


def _plain(key: str) -> str:
    return key.replace(".", "_")


def _shown(items: list[str]) -> str:
    return ("; ".join(items[:SHOWN_KEYS]) + ("; ..." if len(items) > SHOWN_KEYS else "")) or "none"


def _read_weight_file(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise InputError(f"{path}: no such weight file. Give a .pth or .safetensors file, true, auto or false.")
    try:
        return load_state_dict(str(path), use_ema=False, weights_only=True)
    except Exception as error:  # the readers raise whatever the damaged bytes lead to
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path}: cannot be read as a weight file ({reason}). Fetch the file again.") from error


def _find_imagenet_weights(features: nn.Module, backbone: Backbone) -> tuple[Mapping[str, Tensor], str]:
    try:
        return _read_hub_weights(backbone), f"hub: {backbone.timm_name}"
    except InputError:
        spec = importlib.util.find_spec(backbone.weights_package) if backbone.weights_package else None
        if spec is None or spec.origin is None:
            raise
    tensors = _read_weight_file(next(Path(spec.origin).parent.glob("models/*.pth")))
    # The package names its tensors otherwise, in the order of timm's model.
    return dict(zip(features.state_dict(), tensors.values(), strict=False)), f"package: {backbone.weights_package}"


def _read_hub_weights(backbone: Backbone) -> Mapping[str, Tensor]:
    config = timm.get_pretrained_cfg(backbone.timm_name) if backbone.timm_name else None
    if config is None or not config.has_weights:
        raise InputError(
            f"no ImageNet weights of {backbone.name} on the hub (they come from: {backbone.weights}): "
            "give pretrained=PATH of a weight file, or false."
        )
    cached = _find_cached(config)
    if cached is None and config.hf_hub_id and not config.file and not _hub_answers():
        raise InputError(
            f"the ImageNet weights of {backbone.name} ({config.hf_hub_id}) are not in the cache and "
            f"{constants.ENDPOINT} does not answer: {_remedy(backbone)}"
        )
    try:
        # A cached file is named outright: asking the hub whether it is still the newest takes long without a network.
        overlay = {"file": cached} if cached else None
        return timm.create_model(backbone.timm_name, pretrained=True, pretrained_cfg_overlay=overlay).state_dict()
    except Exception as error:  # the hub's client, its transport and the readers raise many kinds
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"the ImageNet weights of {backbone.name} could not be read ({reason}): {_remedy(backbone)}"
        ) from error


def _remedy(backbone: Backbone) -> str:
    package = ', install "infnet-monai[weights]"' if backbone.weights_package else ""
    return f"give pretrained=PATH of a weight file{package}, or false."


def _find_cached(config: PretrainedCfg) -> str | None:
    if config.hf_hub_id is None or config.file:
        return None
    names = (config.hf_hub_filename,) if config.hf_hub_filename else HUB_FILES
    found = (try_to_load_from_cache(config.hf_hub_id, name) for name in names)
    return next((path for path in found if isinstance(path, str)), None)


def _hub_answers() -> bool:
    """Ask once with a short time-out: the hub's own client retries for most of a minute."""
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=HUB_TIMEOUT_S)
    except urllib.error.HTTPError:
        pass  # a refusal is an answer
    except OSError:
        return False
    return True
