"""What all sites of a federated training agree on, and where each of them keeps its data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from infnet_monai.errors import InputError
from infnet_monai.files import write_json
from infnet_monai.training import Recipe

__all__ = ["ALGORITHMS", "BATCH_NORMS", "FL", "FederatedPlan", "SitePlaces"]

FL = "fl.json"
ALGORITHMS = ("fedavg", "fedprox")
BATCH_NORMS = ("average", "local")


@dataclass(frozen=True, kw_only=True)
class FederatedPlan:
    """What all sites agree on. It holds no path: each site has the bundle and the package installed.

    Args:
        bundle: Name of one of this project's bundles, or path of a bundle's folder that every site has.
        rounds: Number of rounds.
        local_epochs: Epochs that a site trains in a round.
        algorithm: ``fedavg`` (McMahan et al., AISTATS 2017, arXiv 1602.05629) or ``fedprox`` (Li et al., MLSys 2020,
            arXiv 1812.06127).
        mu: Weight of FedProx's proximal term; without meaning for ``fedavg``.
        batch_norm: ``average`` averages the batch normalisation like all else, ``local`` keeps each site's own (FedBN;
            Li et al., ICLR 2021, arXiv 2102.07623).
        overlays: Config files of the bundle over its ``train.json``.
        overrides: Config items by id over all files.

    Raises:
        InputError: A value is out of range, or the bundle has no such file or item.
    """

    bundle: str
    rounds: int = 10
    local_epochs: int = 1
    algorithm: str = "fedavg"
    mu: float = 0.01
    batch_norm: str = "average"
    overlays: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("rounds", "local_epochs"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} {getattr(self, name)}: expected 1 or more")
        for name, legal in (("algorithm", ALGORITHMS), ("batch_norm", BATCH_NORMS)):
            if getattr(self, name) not in legal:
                raise InputError(f"{name} {getattr(self, name)!r}: expected one of {', '.join(legal)}")
        if not 0 <= self.mu < float("inf"):
            raise InputError(f"mu {self.mu:g}: expected a number from 0 on")
        self.recipe()

    def recipe(self) -> Recipe:
        """Return what the sites train by."""
        return Recipe.find(self.bundle, (*self.overlays, FL), {"epochs": self.epochs, **self.overrides})

    @property
    def epochs(self) -> int:
        """Epochs of the whole training, over which the learning rate falls."""
        return self.rounds * self.local_epochs

    def as_text(self) -> str:
        """Return the plan as JSON on one line."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> FederatedPlan:
        """Read what :meth:`as_text` has written."""
        items = json.loads(text)
        return cls(**{**items, "overlays": tuple(items["overlays"])})


@dataclass(frozen=True)
class SitePlaces:
    """Folders of a site, which never leave it.

    Args:
        dataset_dir: Folder of the site's ``dataset.json``.
        folder: Folder of everything that the site writes.
    """

    dataset_dir: Path
    folder: Path

    @staticmethod
    def write(path: Path, sites: Mapping[str, SitePlaces]) -> None:
        """Write the places of sites.

        Args:
            path: JSON file to write.
            sites: Places by the site's name.
        """
        write_json(
            {name: {key: str(value) for key, value in asdict(site).items()} for name, site in sites.items()}, path
        )

    @classmethod
    def read(cls, path: str | Path, site: str) -> SitePlaces:
        """Read the places of a site.

        Args:
            path: JSON file, an object of the sites' names with ``dataset_dir`` and ``folder`` each.
            site: Name of the site.

        Raises:
            InputError: The file is missing or damaged, or does not name the site.
        """
        try:
            places = json.loads(Path(path).read_text(encoding="utf-8"))[site]
            return cls(Path(places["dataset_dir"]), Path(places["folder"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            expected = f'{{"{site}": {{"dataset_dir": "...", "folder": "..."}}}}'
            raise InputError(f"{path}: does not say where {site} keeps its data; expected {expected}") from error
