"""The one finder of bundles: this project's own by name, any other by its folder; and copies of its own."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from infnet_monai.errors import InputError

__all__ = [
    "BUNDLES_DIR",
    "DEFAULT_BUNDLE",
    "BundleSummary",
    "copy_bundle",
    "describe_bundles",
    "find_bundle",
    "list_bundles",
]

DEFAULT_BUNDLE = "infnet_efficientnet_lite0"
# A wheel carries the bundles inside the package; a checkout has them beside it.
_INSTALLED = Path(__file__).parent / "_bundles"
BUNDLES_DIR = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[1] / "bundles"
PREFIX = "infnet_"
COPIED = ("LICENSE", "configs", "docs", "models/model.pt")


@dataclass(frozen=True)
class BundleSummary:
    """What a bundle has.

    Attributes:
        name: Name of the bundle.
        weights_bytes: Size of ``models/model.pt`` in bytes, 0 without one.
        licence: Licence of the weights, where there are weights; that of the code otherwise.
    """

    name: str
    weights_bytes: int
    licence: str


def list_bundles() -> list[str]:
    """Return the names of this project's bundles."""
    return sorted(path.parents[1].name for path in BUNDLES_DIR.glob("*/configs/metadata.json"))


def describe_bundles() -> list[BundleSummary]:
    """Describe this project's bundles, in the order of their names."""
    return [_describe(BUNDLES_DIR / name) for name in list_bundles()]


def _describe(folder: Path) -> BundleSummary:
    metadata = json.loads((folder / "configs" / "metadata.json").read_text(encoding="utf-8"))
    model = folder / "models" / "model.pt"
    size = model.stat().st_size if model.is_file() else 0
    return BundleSummary(folder.name, size, metadata["weights_licence" if size else "licence"])


def copy_bundle(bundle: str, parent: str | Path = ".") -> Path:
    """Copy one of this project's bundles with its weights, for the user to change and train.

    The copy appears whole or not at all, and a folder of that name is never touched.

    Args:
        bundle: Name of one of this project's bundles, with or without ``infnet_``.
        parent: Folder in which the bundle's folder is made; it is created if needed.

    Returns:
        The new folder, ``PARENT/infnet_NAME``.

    Raises:
        InputError: There is no such bundle, or the folder exists already.
    """
    source = find_bundle(bundle, "metadata.json")
    target = Path(parent) / source.name
    if os.path.lexists(target):
        raise InputError(f"{target}: exists already and stays as it is; give another folder, or move it")
    if (Path(parent) / "bundles" / source.name).exists():
        raise InputError(
            f"{parent}: has a bundles/{source.name}, and which of the two a configuration means would be unclear; "
            "give another folder"
        )
    draft = target.with_name(f".{os.getpid()}-{target.name}")
    try:
        draft.mkdir(parents=True)
        for name in COPIED:
            _copy(source / name, draft / name)
        draft.rename(target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror or error}); give another folder") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder with the contents only: what is read-only where it is installed may be changed."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile)
        target.chmod(0o755)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


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
