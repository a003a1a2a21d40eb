"""The networks of MONAI that bundles are compared with, as items of a configuration; nothing is imported for them."""

from __future__ import annotations

from typing import Any

from infnet_monai.errors import InputError

__all__ = ["BASELINES", "BASELINE_RECIPE", "baseline_overrides"]

# Whose train.json the baselines use.
BASELINE_RECIPE = "infnet_resnet50"
MODULE = "infnet_monai.comparison.baselines"
ONE_MAP = {"spatial_dims": 2, "in_channels": 3, "out_channels": 1}
FIVE_LEVELS = {"channels": [32, 64, 128, 256, 512], "strides": [2, 2, 2, 2]}
BASELINES: dict[str, dict[str, Any]] = {
    "unet": {"_target_": "UNet", **ONE_MAP, **FIVE_LEVELS, "num_res_units": 2, "norm": "BATCH"},
    "basicunetplusplus": {
        "_target_": f"{MODULE}.FirstMap",
        "network": {"_target_": "BasicUNetPlusPlus", **ONE_MAP},
    },
    "attentionunet": {"_target_": "AttentionUnet", **ONE_MAP, **FIVE_LEVELS},
    "flexibleunet": {
        "_target_": f"{MODULE}.flexible_unet",
        "backbone": "efficientnet-b0",
        "pretrained": "@switches#pretrained",
    },
}


def baseline_overrides(name: str) -> dict[str, Any]:
    """Return the config items that put a baseline in the place of Inf-Net.

    A baseline gives one map of logits and no edges: its loss is the structure loss of that map, and its
    targets are masks alone.

    Args:
        name: Key of ``BASELINES``.

    Raises:
        InputError: There is no such baseline.
    """
    if name not in BASELINES:
        raise InputError(f"baseline {name!r}: unknown; expected one of {', '.join(BASELINES)}")
    network = BASELINES[name]
    overrides: dict[str, Any] = {
        "network_def": network,
        "backbone": "$infnet_networks.get_backbone('resnet50')",  # mean and deviation of ImageNet
        "loss": {
            "_target_": "infnet_monai.losses.StructureLoss",
            "weighted_bce": "@switches#weighted_bce",
        },
        "train#slice_transforms": [{"_target_": "SelectItemsd", "keys": ["image", "label", "case", "slice"]}],
    }
    if "pretrained" not in network:
        overrides["encoder_weights"] = "random"  # no encoder to ask for the origin of its weights
    return overrides
