"""From volumes to masks."""

from infnet_monai.inference.autocast import AutocastInferer, supports_bf16

__all__ = ["AutocastInferer", "supports_bf16"]
