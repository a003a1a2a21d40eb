"""Trainings of one site by itself, to compare with, and the measuring of all models at a site; a process each."""

from __future__ import annotations

import json
import logging
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from infnet_monai.errors import report_errors_in_one_line
from infnet_monai.federated.plan import FederatedPlan, SitePlaces
from infnet_monai.federated.site import FederatedSite
from infnet_monai.federated.weights import RoundFiles
from infnet_monai.files import atomic_write, write_json

__all__ = ["measure_models", "train_alone"]


def train_alone(plan: FederatedPlan, places: SitePlaces) -> None:
    """Train the rounds that are left as a site does, without anybody else.

    Args:
        plan: The plan of the federated training: the same start, rounds, epochs and learning rate.
        places: Data set, and the folder that has ``round_0.pt`` and gets the others and ``rounds.csv``.
    """
    files = RoundFiles(places.folder)
    done = files.last or 0
    if done >= plan.rounds:
        return
    weights, site = files.read(), FederatedSite(replace(plan, batch_norm="average"), places)
    for index in range(done, plan.rounds):
        update = site.train(weights, index)
        weights = {name: array + update.difference[name] for name, array in weights.items()}
        files.complete(weights, index, [{"site": places.folder.name, "steps": update.steps, **update.metrics}])


def measure_models(plan: FederatedPlan, places: SitePlaces, models: dict[str, str], out: Path) -> None:
    """Measure models on the validation cases of a site, and write them as bundle weights.

    Args:
        plan: What all sites agree on.
        places: Folders of the site.
        models: Folders of the models' rounds by their names; ``federated`` has the site's own batch normalisation
            where that is local.
        out: Folder that gets ``metrics.json``, and ``NAME.pt`` for each model.
    """
    metrics: dict[str, dict[str, float | None]] = {}
    site: FederatedSite | None = None
    for name, folder in sorted(models.items(), key=lambda model: model[0] != "federated"):
        if site is None or (name != "federated" and site.plan.batch_norm == "local"):
            site = FederatedSite(plan if name == "federated" else replace(plan, batch_norm="average"), places)
        weights = RoundFiles(folder).read()
        measured = site.evaluate(weights)
        metrics[name] = {key: None if math.isnan(value) else value for key, value in measured.items()}
        with atomic_write(out / f"{name}.pt") as draft:
            torch.save(site.state_dict(weights), draft)
    write_json(metrics, out / "metrics.json")


def main(task: dict[str, Any]) -> None:
    """Do a task of :mod:`infnet_monai.federated.simulate`.

    Args:
        task: ``plan``, ``dataset_dir`` and ``folder``; for measuring also ``models`` and ``out``.
    """
    logging.getLogger("monai").setLevel(logging.WARNING)
    plan = FederatedPlan.from_text(task["plan"])
    places = SitePlaces(Path(task["dataset_dir"]), Path(task["folder"]))
    if "models" in task:
        measure_models(plan, places, task["models"], Path(task["out"]))
    else:
        train_alone(plan, places)


if __name__ == "__main__":
    report_errors_in_one_line()
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
