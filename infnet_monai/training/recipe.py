"""A recipe of a training: a bundle, config files over its own, and single items over these."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from infnet_monai.bundle_folder import find_bundle
from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256

__all__ = ["PLACES", "TRAIN", "Recipe", "parse_overrides"]

TRAIN = "train.json"
# Items of a bundle that say where its runs read and write, or whether they resume.
PLACES = ("bundle_root", "ckpt_dir", "output_dir", "resume", "section", "weights")


@dataclass(frozen=True)
class Recipe:
    """What a bundle trains by. A recipe that exists can be used: its files and the items that it overrides exist.

    Args:
        bundle: Folder of the bundle; :meth:`find` takes a name, too.
        overlays: Names of files in the bundle's ``configs`` folder that go over its ``train.json``, in their order.
        overrides: Config items by id that go over all files.

    Raises:
        InputError: A file is missing, or an override names an item that the bundle does not have.

    Example:
        >>> recipe = Recipe.find("vgg16", overrides={"image_size": [64, 64]})
        >>> recipe.name, recipe.value("epochs"), recipe.value("image_size")
        ('infnet_vgg16', 100, [64, 64])
    """

    bundle: Path
    overlays: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = ConfigParser.load_config_files([str(file) for file in self.config_files()])
        for name in self.overrides:
            top = name.replace("::", "#").partition("#")[0]
            if top not in known:
                close = difflib.get_close_matches(top, list(known), n=3) or sorted(known)
                raise InputError(f"override {name!r}: {self.name} has no such item; did you mean {', '.join(close)}?")

    @classmethod
    def find(
        cls, bundle: str | Path, overlays: Sequence[str] = (), overrides: Mapping[str, Any] | None = None
    ) -> Recipe:
        """Make the recipe of a bundle given by name or by path.

        Args:
            bundle: Name of one of this project's bundles, with or without ``infnet_``, or path of a bundle's folder.
            overlays: See the class.
            overrides: See the class.

        Raises:
            InputError: There is no such bundle; see also the class.
        """
        return cls(find_bundle(bundle, TRAIN), tuple(overlays), overrides or {})

    @property
    def name(self) -> str:
        """Name of the bundle's folder."""
        return self.bundle.name

    def extended(self, overlays: Sequence[str] = (), overrides: Mapping[str, Any] | None = None) -> Recipe:
        """Return this recipe with more files and more items; an item that it has already is replaced."""
        return replace(self, overlays=(*self.overlays, *overlays), overrides={**self.overrides, **(overrides or {})})

    def files(self, *names: str) -> list[Path]:
        """Return config files of the bundle by their names.

        Raises:
            InputError: A file is missing.
        """
        files = [self.bundle / "configs" / name for name in names]
        for file in files:
            if not file.is_file():
                raise InputError(f"{file}: no such file; {self.name} needs it")
        return files

    def config_files(self) -> list[Path]:
        """Return the files of the training's configuration, the later over the earlier."""
        return self.files(TRAIN, *self.overlays)

    def parser(self, **items: Any) -> ConfigParser:
        """Return a parser of the merged configuration.

        Args:
            **items: Config items that go over files and overrides.
        """
        parser = ConfigParser(ConfigParser.load_config_files([str(file) for file in self.config_files()]))
        parser.update({"bundle_root": str(self.bundle), **self.overrides, **items})
        return parser

    def config(self) -> dict[str, Any]:
        """Return the merged configuration: files and overrides, nothing evaluated."""
        return self.parser().get()

    def value(self, name: str) -> Any:
        """Return an item of the merged configuration as it is written there.

        Args:
            name: Id of the item, e.g. ``"network_def#backbone"``.

        Raises:
            InputError: There is no such item.
        """
        try:
            return self.parser()[name]
        except KeyError as error:
            raise InputError(f"{self.name}: has no item {name}; a training by this project needs it") from error

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each config file, by words that name the file."""
        return {f"sha256 of {file.name}": file_sha256(file) for file in self.config_files()}


def parse_overrides(pairs: Sequence[str], set_here: Mapping[str, str]) -> dict[str, Any]:
    """Read ``NAME=VALUE`` pairs; values are JSON, anything else is text.

    Args:
        pairs: Pairs as a user gives them.
        set_here: Names that cannot be overridden, with what to do instead.

    Raises:
        InputError: A pair has no name or no value, or names what cannot be overridden.

    Example:
        >>> parse_overrides(["image_size=[64,64]", "pretrained=false", "intensity=hu"], {})
        {'image_size': [64, 64], 'pretrained': False, 'intensity': 'hu'}
    """
    overrides = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not name or not sign:
            raise InputError(f"override {pair!r}: expected NAME=VALUE, e.g. image_size=[64,64]")
        if name in set_here:
            raise InputError(f"override {pair!r}: {set_here[name]}")
        try:
            overrides[name] = json.loads(text)
        except ValueError:
            overrides[name] = text
    return overrides
