"""Semi-Inf-Net from its options to its last model; what has been done before is not done again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm.contrib.logging import logging_redirect_tqdm

from infnet_monai.data.datalist import DATALIST_NAME
from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256
from infnet_monai.semi.options import PropagationOptions
from infnet_monai.semi.picture_axes import axes_of_pictures
from infnet_monai.semi.pseudo_labels import check_lesions, hash_labels, pseudo_item
from infnet_monai.semi.rounds import Rounds, complete_rounds
from infnet_monai.semi.unlabelled import (
    check_unlabelled,
    deal_groups,
    find_unlabelled,
    labelled_items,
)
from infnet_monai.training.bundle_training import BundleTraining, complete_training
from infnet_monai.training.claim import FACTS, claim_stage
from infnet_monai.training.output_folder import claim_output_dir

__all__ = ["Propagation", "propagate_labels"]

Groups = Sequence[Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Propagation:
    """What a propagation has written.

    Args:
        files: Datalist, tables, pictures and models.
    """

    files: Sequence[Path]


def propagate_labels(options: PropagationOptions) -> Propagation:
    """Label the unlabelled slices, train on their pseudo labels, and fine-tune on the labelled slices.

    The stages: a model trained on the labelled data (unless one is given), rounds of predicting and fine-tuning, a
    training on the pseudo labels, and one on the labelled data that starts from its model: Semi-Inf-Net of Fan et al.,
    IEEE TMI 2020 (arXiv 2004.14133).

    Args:
        options: Absolute folders in it.

    Raises:
        InputError: An option or a file cannot be used, or an earlier call had other options.
        TrainingFailed: A training ended with an error.
    """
    groups = _check_data(options)
    description = "Folder of a propagation: pseudo labels and models"
    claim_output_dir(options.output_dir, "propagation", description)
    items = [item for group in groups for item in group]
    with logging_redirect_tqdm():
        weights = options.weights or complete_training(_training_on_labelled(options))
        rounds = Rounds(options, groups, weights, _rounds_config(options, groups, weights))
        claim_stage(rounds.folder, rounds.config)
        complete_rounds(rounds)
        check_lesions(items)
        on_pseudo_labels = complete_training(_training_on_pseudo_labels(options, items))
        final = complete_training(_fine_tuning(options, on_pseudo_labels))
    names = (DATALIST_NAME, "rounds.csv", "contact_sheet.png")
    return Propagation([*(options.output_dir / name for name in names), rounds.model, on_pseudo_labels, final])


def _check_data(options: PropagationOptions) -> Groups:
    """Fail now, not after hours; return the groups of unlabelled slices."""
    if options.weights is not None and not options.weights.is_file():
        raise InputError(f"{options.weights}: no such weights; give the model.pt of a trained bundle, or leave it out")
    labelled = labelled_items(options.dataset_dir)
    pictures = find_unlabelled(options.unlabelled_dir)
    axes = axes_of_pictures(pictures, options.axes, labelled)
    items = [pseudo_item(picture, axes[picture], options.output_dir) for picture in pictures]
    check_unlabelled(items, labelled, options.bundle_value("intensity"))
    return deal_groups(items, options.group_size, options.seed)


def _training_on_labelled(options: PropagationOptions) -> BundleTraining:
    return BundleTraining(
        "Training on labelled slices",
        options.output_dir / "start",
        options.method,
        options.dataset_dir,
        _training_config(options, options.training_epochs()),
        options.training_epochs(),
        options.overlay,
    )


def _rounds_config(options: PropagationOptions, groups: Groups, weights: Path) -> dict[str, Any]:
    return {
        **options.overrides,
        "seed": options.seed,
        FACTS: {
            **_facts(options),
            "weights_sha256": file_sha256(weights),
            "group_size": options.group_size,
            "iterations": options.iterations,
            "round_learning_rate": options.rate_of_rounds(),
            "threshold": options.threshold,
            "groups": [[Path(item["image"]).name for item in group] for group in groups],
            "axes": [item["axes"] for group in groups for item in group],
            "pictures_sha256": [file_sha256(item["image"]) for group in groups for item in group],
        },
    }


def _training_on_pseudo_labels(options: PropagationOptions, items: Sequence[Mapping[str, Any]]) -> BundleTraining:
    return BundleTraining(
        "Training on pseudo labels",
        options.output_dir / "pseudo",
        options.method,
        options.output_dir,
        _training_config(options, options.training_epochs(), labels_sha256=hash_labels(items)),
        options.training_epochs(),
        options.overlay,
    )


def _fine_tuning(options: PropagationOptions, weights: Path) -> BundleTraining:
    epochs = options.fine_tune_epochs or options.training_epochs()
    config = _training_config(options, epochs, init_weights_sha256=file_sha256(weights))
    rate = options.fine_tune_learning_rate
    return BundleTraining(
        "Fine-tuning on labelled slices",
        options.output_dir / "final",
        options.method,
        options.dataset_dir,
        # The whole network's weights are given: those of the encoder need not be fetched.
        {**config, "pretrained": False, **({} if rate is None else {"learning_rate": rate})},
        epochs,
        options.overlay,
        init_weights=weights,
    )


def _training_config(options: PropagationOptions, epochs: int, **facts: Any) -> dict[str, Any]:
    return {
        **options.overrides,
        "epochs": epochs,
        "seed": options.seed,
        FACTS: {**_facts(options), **facts},
    }


def _facts(options: PropagationOptions) -> dict[str, Any]:
    """What every stage depends on."""
    files = options.method.config_files(options.overlay)
    return {
        "bundle": options.method.bundle.name,
        "files_sha256": {file.name: file_sha256(file) for file in files},
        "dataset_sha256": file_sha256(options.dataset_dir / DATALIST_NAME),
    }
