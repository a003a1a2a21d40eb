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
from infnet_monai.semi.unlabelled import check_unlabelled, deal_groups, find_unlabelled, labelled_items
from infnet_monai.training.bundle_training import DATALIST_SHA256, BundleTraining
from infnet_monai.training.claim import claim_output_dir

__all__ = ["Propagation", "propagate_labels"]

Groups = Sequence[Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Propagation:
    """What a propagation has written.

    Args:
        files: Paths of datalist, table, picture and models.
    """

    files: Sequence[Path]


def propagate_labels(options: PropagationOptions) -> Propagation:
    """Label the unlabelled slices, train on their pseudo labels, and fine-tune on the labelled slices.

    The stages: a model trained on the labelled data (unless one is given), rounds of predicting and fine-tuning, a
    training on the pseudo labels, and one on the labelled data that starts from its model: Semi-Inf-Net of Fan et al.,
    IEEE TMI 2020 (arXiv 2004.14133). Whatever ends the process, the same call again resumes; two calls at once take
    turns.

    Args:
        options: Options of the propagation, with absolute folders.

    Raises:
        InputError: An option or a file cannot be used, or an earlier call had other options.
        WorkflowFailed: A training ended with an error.
    """
    groups = _check_data(options)
    description = "Folder of a propagation: pseudo labels and models"
    claim_output_dir(options.output_dir, "propagation", description)
    items = [item for group in groups for item in group]
    with logging_redirect_tqdm():
        weights = options.weights or _training_on_labelled(options).complete()
        rounds = Rounds(options, groups, weights)
        complete_rounds(rounds)
        check_lesions(items)
        on_pseudo_labels = _training_on_pseudo_labels(options, items).complete()
        final = _fine_tuning(options, on_pseudo_labels).complete()
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
    check_unlabelled(items, labelled, options.recipe.value("intensity"))
    return deal_groups(items, options.group_size, options.seed)


def _training_on_labelled(options: PropagationOptions) -> BundleTraining:
    return BundleTraining(
        name="Training on labelled slices",
        recipe=options.recipe,
        folder=options.output_dir / "start",
        dataset_dir=options.dataset_dir,
        epochs=options.training_epochs(),
        seed=options.seed,
    )


def _training_on_pseudo_labels(options: PropagationOptions, items: Sequence[Mapping[str, Any]]) -> BundleTraining:
    return BundleTraining(
        name="Training on pseudo labels",
        recipe=options.recipe,
        folder=options.output_dir / "pseudo",
        dataset_dir=options.output_dir,
        epochs=options.training_epochs(),
        seed=options.seed,
        facts={
            DATALIST_SHA256: file_sha256(options.dataset_dir / DATALIST_NAME),
            "labels_sha256": hash_labels(items),
        },
    )


def _fine_tuning(options: PropagationOptions, weights: Path) -> BundleTraining:
    rate = options.fine_tune_learning_rate
    # The whole network's weights are given: those of the encoder need not be fetched.
    items = {"pretrained": False, **({} if rate is None else {"learning_rate": rate})}
    return BundleTraining(
        name="Fine-tuning on labelled slices",
        recipe=options.recipe.extended(overrides=items),
        folder=options.output_dir / "final",
        dataset_dir=options.dataset_dir,
        epochs=options.fine_tune_epochs or options.training_epochs(),
        seed=options.seed,
        init_weights=weights,
    )
