"""The rounds of a random propagation: predict a group, add it with its pseudo labels, fine-tune."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from infnet_monai.data.datalist import DATALIST_NAME
from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write, file_sha256, write_json
from infnet_monai.handlers.checkpoints import save_atomically
from infnet_monai.run_record import package_versions
from infnet_monai.semi.fine_tuner import FineTuner
from infnet_monai.semi.label_predictor import LabelPredictor
from infnet_monai.semi.label_sheet import draw_label_sheet
from infnet_monai.semi.options import PropagationOptions
from infnet_monai.semi.pseudo_labels import LABELS_DIR, write_label, write_pseudo_datalist
from infnet_monai.training.bundle_training import DATALIST_SHA256
from infnet_monai.training.claim import FACTS, claim_options, discard_drafts, read_record, wait_for_lock
from infnet_monai.training.progress import stage_bar

__all__ = ["Rounds", "complete_rounds"]

logger = logging.getLogger(__name__)

SAVE_INTERVAL_S = 120.0
TITLE = "Propagating labels"


@dataclass(frozen=True)
class Rounds:
    """What the rounds work on, and where.

    Args:
        options: Options of the propagation.
        groups: Items of each round, of :func:`infnet_monai.semi.pseudo_labels.pseudo_item`.
        weights: Model to start from.
    """

    options: PropagationOptions
    groups: Sequence[Sequence[Mapping[str, Any]]]
    weights: Path

    @property
    def folder(self) -> Path:
        """Folder of state, model and record."""
        return self.options.output_dir / "rounds"

    @property
    def state(self) -> Path:
        """State that interrupted rounds resume from."""
        return self.folder / "state.pth"

    @property
    def model(self) -> Path:
        """The model after the last round."""
        return self.folder / "model.pt"

    @property
    def record(self) -> Path:
        """Record that is written once all slices are labelled."""
        return self.folder / "finished.json"

    @property
    def config(self) -> dict[str, Any]:
        """Config items that differ from the bundle's files, and under ``facts`` what else must stay the same."""
        options = self.options
        facts = {
            "bundle": options.recipe.name,
            **options.recipe.hashes(),
            DATALIST_SHA256: file_sha256(options.dataset_dir / DATALIST_NAME),
            "weights_sha256": file_sha256(self.weights),
            "group_size": options.group_size,
            "iterations": options.iterations,
            "round_learning_rate": options.rate_of_rounds(),
            "threshold": options.threshold,
            "groups": [[Path(item["image"]).name for item in group] for group in self.groups],
            "axes": [item["axes"] for group in self.groups for item in group],
            "pictures_sha256": [file_sha256(item["image"]) for group in self.groups for item in group],
        }
        return {**options.recipe.overrides, "seed": options.seed, FACTS: facts}


def complete_rounds(rounds: Rounds) -> None:
    """Label all slices, unless that has been done; interrupted rounds resume from the state last saved.

    The state is saved every two minutes. What was labelled after it is labelled again, the same way: order, shuffling
    and augmentation of each round follow from the seed and the round's number.

    Args:
        rounds: What to work on.

    Raises:
        InputError: The rounds were started with other options, weights, data or state cannot be used, or the loss is
            not finite.
    """
    with wait_for_lock(rounds.folder.with_name(f".{rounds.folder.name}.lock"), TITLE):
        finished_before = read_record(rounds.record) is not None
        claim_options(rounds.folder, rounds.config, finished_before or rounds.state.is_file())
        discard_drafts(rounds.folder)
        discard_drafts(rounds.options.output_dir / LABELS_DIR)
        if finished_before:
            logger.info("%s: finished before.", TITLE)
        else:
            _work(rounds)
            write_json({"rounds": len(rounds.groups), "versions": package_versions()}, rounds.record)
        rounds.state.unlink(missing_ok=True)


def _work(rounds: Rounds) -> None:
    options = rounds.options
    parser = options.recipe.parser(dataset_dir=str(options.dataset_dir), seed=options.seed)
    tuner = FineTuner(parser, rounds.weights, options.rate_of_rounds(), options.iterations)
    predictor = LabelPredictor(parser, options.threshold)
    table = _restore(rounds, tuner)
    saved_s = time.monotonic()
    with stage_bar(TITLE, len(rounds.groups), len(table), "round") as bar:
        for number in range(len(table) + 1, len(rounds.groups) + 1):
            table.append(_one_round(rounds.groups[number - 1], number, options, tuner, predictor))
            if number == len(rounds.groups) or time.monotonic() - saved_s >= SAVE_INTERVAL_S:
                _save(rounds, tuner, table)
                saved_s = time.monotonic()
            bar.update()
    save_atomically(tuner.network.state_dict(), rounds.model)


def _one_round(
    group: Sequence[Mapping[str, Any]],
    number: int,
    options: PropagationOptions,
    tuner: FineTuner,
    predictor: LabelPredictor,
) -> dict[str, float]:
    """Label a group and train on; return the row of the table."""
    started_s = time.monotonic()
    fractions = []
    for item in group:
        mask = predictor.predict(tuner.network, item["image"], item["axes"])
        write_label(mask, item["label"])
        fractions.append(float(mask.mean()))
    tuner.add(group)
    loss = tuner.run(options.seed + number)
    return {
        "round": number,
        "labelled": len(group),
        "without_lesion": fractions.count(0.0),
        "lesion_percent": 100 * float(np.mean(fractions)),
        "trained_on": tuner.slices,
        "loss": loss,
        "seconds": time.monotonic() - started_s,
    }


def _save(rounds: Rounds, tuner: FineTuner, table: Sequence[Mapping[str, float]]) -> None:
    """Bring everything that a user looks at up to date, then the state."""
    options, groups = rounds.options, rounds.groups[: len(table)]
    write_pseudo_datalist([item for group in groups for item in group], options.dataset_dir, options.output_dir)
    with atomic_write(options.output_dir / "rounds.csv") as draft:
        pd.DataFrame(table).round(5).to_csv(draft, index=False)
    draw_label_sheet(groups, options.output_dir / "contact_sheet.png", options.recipe.value("intensity"))
    save_atomically({"table": list(table), **tuner.state_dict()}, rounds.state)


def _restore(rounds: Rounds, tuner: FineTuner) -> list[dict[str, float]]:
    """Resume from the saved state, where there is one; return the rows of the rounds done."""
    if not rounds.state.is_file():
        return []
    try:
        state = torch.load(rounds.state, map_location="cpu", weights_only=True)
        tuner.load_state_dict(state)
        table: list[dict[str, float]] = list(state["table"])
    except Exception as error:  # unpickling raises whatever the damaged bytes lead to
        raise InputError(
            f"{rounds.state}: cannot be resumed from ({type(error).__name__}); remove {rounds.folder} to start the "
            "rounds again"
        ) from error
    tuner.add([item for group in rounds.groups[: len(table)] for item in group])
    logger.info("%s: resuming after round %d of %d.", TITLE, len(table), len(rounds.groups))
    return table
