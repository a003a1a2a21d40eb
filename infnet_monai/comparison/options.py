"""What a comparison is asked to do."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infnet_monai.errors import InputError
from infnet_monai.training.methods import Method

__all__ = ["PLACES", "ComparisonOptions", "changed_options", "check_overrides", "parse_overrides"]

# Items of a bundle that say where its runs read and write, or whether they go on.
PLACES = ("bundle_root", "ckpt_dir", "output_dir", "resume", "section", "weights")
SET_HERE = {
    "epochs": "give --epochs",
    "seed": "give --seeds",
    "dataset_dir": "give --dataset-dir",
    **dict.fromkeys(PLACES, "the comparison sets it itself"),
}


@dataclass(frozen=True)
class ComparisonOptions:
    """Options of a comparison.

    Args:
        dataset_dir: Folder that holds ``dataset.json``.
        output_dir: Folder of all results.
        methods: What is compared, in the order of the tables.
        seeds: Each method is trained once with each.
        folds: Number of folds of a cross-validation; None for the data set's own sections.
        epochs: Length of training; None for what the bundles say.
        overrides: Config items handed on to every run.
        overlay: Name of a second config file in each bundle's configs folder.
        evaluation_overlay: The same for the evaluation.
        retrain: Train those anew whose options have changed, instead of refusing.
    """

    dataset_dir: Path
    output_dir: Path
    methods: Sequence[Method]
    seeds: Sequence[int] = (0,)
    folds: int | None = None
    epochs: int | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    overlay: str | None = None
    evaluation_overlay: str | None = None
    retrain: bool = False

    def __post_init__(self) -> None:
        if len(set(self.seeds)) != len(self.seeds) or not self.seeds:
            raise InputError(f"seeds {', '.join(map(str, self.seeds)) or 'none'}: expected one or more different ones")
        if self.epochs is not None and self.epochs < 1:
            raise InputError(f"epochs {self.epochs}: expected at least 1")


def parse_overrides(pairs: Sequence[str], set_here: Mapping[str, str] = SET_HERE) -> dict[str, Any]:
    """Read ``NAME=VALUE`` pairs; values are JSON, anything else is text.

    Args:
        pairs: What was given.
        set_here: Names that cannot be overridden, with what to do instead.

    Raises:
        InputError: A pair has no name or no value, or names what cannot be overridden.

    Example:
        >>> parse_overrides(["image_size=[64,64]", "pretrained=false", "intensity=hu"])
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


def check_overrides(overrides: Mapping[str, Any], config: Mapping[str, Any], source: str) -> None:
    """Refuse overrides of items that a configuration does not have; MONAI would add them and train without them.

    Args:
        overrides: Values by id; of a nested id such as ``network_def#backbone`` the first part must exist.
        config: The configuration.
        source: What it is of, for the message.

    Raises:
        InputError: An id is unknown; the message names close ones.
    """
    for name in overrides:
        top = name.replace("::", "#").partition("#")[0]
        if top not in config:
            close = difflib.get_close_matches(top, list(config), n=3) or sorted(config)
            raise InputError(f"override {name!r}: {source} has no such item; did you mean {', '.join(close)}?")


def changed_options(before: Mapping[str, Any], now: Mapping[str, Any], facts: str, shown: int) -> list[str]:
    """Compare two configurations; return the items that differ, in words.

    Args:
        before: The earlier one.
        now: The one at hand.
        facts: Item of both that holds further items.
        shown: Letters of each value that are shown.
    """
    then, new = (
        {name: value for name, value in {**config, **config[facts]}.items() if name != facts}
        for config in (before, now)
    )
    return [
        f"{name}: {json.dumps(then.get(name))[:shown]} then, {json.dumps(new.get(name))[:shown]} now"
        for name in {**then, **new}
        if then.get(name) != new.get(name)
    ]
