"""The folder of a MONAI Label app: the sample app ``monaibundle`` with bundles as its models."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from infnet_monai.bundle_folder import find_bundle
from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write

__all__ = ["AppModel", "write_app"]

SAMPLE_APP = Path("monailabel", "sample-apps", "monaibundle")
WEIGHTS = Path("models", "model.pt")
# What the sample app lacks: the next scan by doubt, see active_learning.py.
ADDED = """

from infnet_monai.monai_label.active_learning import add_quality  # noqa: E402

add_quality(MyApp)
"""
OWN_FOLDERS = ("models", "eval", "earlier-*", "__pycache__")
# MONAI Label takes bundles with these in their name for another kind of task, and splits its list at commas.
MISREAD_IN_NAMES = ("deepedit", "deepgrow", "detection", "classification", ",")


class AppModel(NamedTuple):
    """A model of the app.

    Attributes:
        name: Name of the bundle and of the model.
        weights: File that the server segments with and that its training writes.
        kept: Whether the file was there already, e.g. fine-tuned by an earlier server.
    """

    name: str
    weights: Path
    kept: bool


def write_app(app_dir: str | Path, bundles: Sequence[str | Path], prefix: str | Path | None = None) -> list[AppModel]:
    """Make or renew the folder of an app; weights that are stored in it are kept, the bundles themselves untouched.

    Args:
        app_dir: Folder of the app; created if needed.
        bundles: Folders of bundles, or names of this project's.
        prefix: Environment that MONAI Label is installed in; this Python's by default.

    Returns:
        The models of the app, in the order of the bundles.

    Raises:
        InputError: MONAI Label is not installed, the folder holds something else, or a bundle cannot be used.
    """
    app, sample_app = Path(app_dir), Path(prefix or sys.prefix) / SAMPLE_APP
    if not sample_app.is_dir():
        raise InputError(f"{sample_app}: no such folder, so MONAI Label is not installed; run `make label-server`")
    is_app = (app / "main.py").is_file()
    if not is_app and app.exists() and any(app.iterdir()):
        raise InputError(f"{app}: is not the folder of a MONAI Label app; give a new or empty folder")
    folders = [find_bundle(bundle).resolve() for bundle in bundles]
    for folder in folders:
        _check(folder, [other.name for other in folders], app)
    if not is_app:
        shutil.copytree(sample_app, app, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        with open(app / "main.py", "a", encoding="utf-8") as file:
            file.write(ADDED)
    return [_write_bundle(folder, app) for folder in folders]


def _check(folder: Path, names: list[str], app: Path) -> None:
    if names.count(folder.name) > 1:
        raise InputError(f"{folder.name}: several bundles have this name; MONAI Label needs one name for each")
    misread = [part for part in MISREAD_IN_NAMES if part in folder.name.lower()]
    if misread:
        raise InputError(f"{folder}: MONAI Label misreads names with {misread[0]!r}; rename the bundle's folder")
    if not any((base / WEIGHTS).is_file() for base in (folder, app / "model" / folder.name)):
        raise InputError(f"{folder / WEIGHTS}: no such weights; train the bundle first")


def _write_bundle(folder: Path, app: Path) -> AppModel:
    target = app / "model" / folder.name
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns(*OWN_FOLDERS), dirs_exist_ok=True)
    weights = target / WEIGHTS
    kept = weights.is_file()
    if not kept:
        with atomic_write(weights) as draft:
            shutil.copyfile(folder / WEIGHTS, draft)
    return AppModel(folder.name, weights, kept)
