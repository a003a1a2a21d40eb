"""What is compared: bundles, and baselines trained by a bundle's recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from infnet_monai.comparison.baselines import BASELINE_RECIPE, baseline_overrides
from infnet_monai.errors import InputError

__all__ = ["Method", "find_methods"]

TRAIN, EVALUATE = "train.json", "evaluate.json"


@dataclass(frozen=True)
class Method:
    """A bundle, or a baseline in its place.

    Args:
        name: Its name in tables and folders.
        bundle: Folder of the bundle whose configuration is used.
        overrides: Config items of the baseline; none for a bundle itself.
    """

    name: str
    bundle: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def config_files(self, overlay: str | None = None) -> list[Path]:
        """Files of the training configuration, the later over the earlier.

        Args:
            overlay: Name of a second file in the bundle's configs folder.

        Raises:
            InputError: A file is missing.
        """
        return self._files(TRAIN, overlay)

    def evaluation_files(self, overlay: str | None = None) -> list[Path]:
        """Files that go over :meth:`config_files` for the evaluation, the later over the earlier.

        Args:
            overlay: Name of a second file in the bundle's configs folder.

        Raises:
            InputError: A file is missing.
        """
        return self._files(EVALUATE, overlay)

    def _files(self, main: str, overlay: str | None) -> list[Path]:
        files = [self.bundle / "configs" / name for name in (main, *([overlay] if overlay else []))]
        for file in files:
            if not file.is_file():
                raise InputError(f"{file}: no such file; {self.name} needs it")
        return files

    def config(self, overlay: str | None = None) -> dict[str, Any]:
        """The merged content of :meth:`config_files`, with the baseline's items."""
        config = ConfigParser(ConfigParser.load_config_files([str(file) for file in self.config_files(overlay)]))
        config.update(dict(self.overrides))
        return config.get()


def find_methods(bundles: Sequence[str], baselines: Sequence[str], bundles_dir: str | Path) -> list[Method]:
    """Find bundles by name and make the baselines.

    Args:
        bundles: Names of bundles, with or without ``infnet_``, or folders of bundles.
        baselines: Names of baselines.
        bundles_dir: Folder of all bundles.

    Raises:
        InputError: One of them does not exist, or two have one name.
    """
    methods = [_find_bundle(name, Path(bundles_dir)) for name in bundles]
    if baselines:
        recipe = _find_bundle(BASELINE_RECIPE, Path(bundles_dir))
        methods += [Method(name, recipe.bundle, baseline_overrides(name)) for name in baselines]
    names = [method.name for method in methods]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name}: named {names.count(name)} times; each is compared once")
    if not methods:
        raise InputError("nothing to compare: name bundles or baselines")
    return methods


def _find_bundle(name: str, bundles_dir: Path) -> Method:
    for folder in (bundles_dir / name, bundles_dir / f"infnet_{name}", Path(name)):
        if (folder / "configs" / TRAIN).is_file():
            folder = folder.resolve()
            return Method(folder.name, folder)
    known = ", ".join(sorted(path.parents[1].name for path in bundles_dir.glob(f"*/configs/{TRAIN}")))
    raise InputError(f"bundle {name!r}: not in {bundles_dir}, nor a folder with configs/{TRAIN}; there are {known}")
