"""Where a bundle lies that is named or given as a folder."""

from __future__ import annotations

from pathlib import Path

from infnet_monai.errors import InputError

__all__ = ["DEFAULT_BUNDLE", "find_bundle"]

DEFAULT_BUNDLE = "infnet_efficientnet_lite0"
CONFIG = Path("configs", "inference.json")


def find_bundle(bundle: str | Path) -> Path:
    """Find the folder of a bundle.

    Args:
        bundle: The folder, or a name that is sought in `bundles/` of the current folder and of this project.

    Raises:
        InputError: There is no such bundle.
    """
    bases = (Path("bundles"), Path(__file__).parents[1] / "bundles")
    for folder in (Path(bundle).expanduser(), *(base / bundle for base in bases)):
        if (folder / CONFIG).is_file():
            return folder
    names = sorted({path.parents[1].name for base in bases for path in base.glob(f"*/{CONFIG}")})
    raise InputError(f"{bundle}: no bundle with {CONFIG}; give a bundle's folder or one of: {', '.join(names) or '-'}")
