"""The one finder of bundles: this project's own by name, any other by its folder."""

from __future__ import annotations

import os
from pathlib import Path

from infnet_monai.errors import InputError

__all__ = ["DEFAULT_BUNDLE", "find_bundle", "list_bundles"]

DEFAULT_BUNDLE = "infnet_efficientnet_lite0"
BUNDLES_DIR = Path(__file__).parents[1] / "bundles"
PREFIX = "infnet_"


def list_bundles() -> list[str]:
    """Return the names of this project's bundles."""
    return sorted(path.parents[1].name for path in BUNDLES_DIR.glob("*/configs/metadata.json"))


def find_bundle(bundle: str | Path, config: str = "inference.json") -> Path:
    """Find the folder of a bundle.

    A bare name means one of this project's bundles and nothing in the current folder: a bundle's configuration is code
    that runs. Any other bundle is given by a path, e.g. ``./my_bundle``.

    Args:
        bundle: Name of one of this project's bundles, with or without ``infnet_``, or path of a bundle's folder.
        config: Configuration file that the bundle must have.

    Returns:
        The absolute path of the folder.

    Raises:
        InputError: There is no such bundle.

    Example:
        >>> find_bundle("vgg16").name
        'infnet_vgg16'
    """
    if _is_path(bundle):
        folder = Path(bundle).expanduser()
        if not (folder / "configs" / config).is_file():
            raise InputError(f"{bundle}: no bundle, since it has no configs/{config}; give the folder of a bundle")
        return folder.resolve()
    for name in (str(bundle), f"{PREFIX}{bundle}"):
        if (BUNDLES_DIR / name / "configs" / config).is_file():
            return BUNDLES_DIR / name
    hint = f"; for the folder of that name give ./{bundle}" if Path(bundle).is_dir() else ""
    raise InputError(f"bundle {bundle}: unknown; expected one of {', '.join(list_bundles()) or '-'}{hint}")


def _is_path(bundle: str | Path) -> bool:
    text = os.fspath(bundle)
    return isinstance(bundle, Path) or os.sep in text or "/" in text or text.startswith(("~", "."))
