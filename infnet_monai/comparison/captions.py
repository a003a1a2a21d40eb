"""What the figures of a comparison are, in words."""

from __future__ import annotations

from infnet_monai.comparison.options import ComparisonOptions

__all__ = ["fixed_threshold_caption", "learning_curve_note", "spread_words", "table_caption", "weights_words"]


def table_caption(options: ComparisonOptions, lesion_slices: int) -> str:
    """Caption of the table by the paper's protocol.

    Args:
        options: Of the comparison.
        lesion_slices: Number of slices that the figures are means of.
    """
    where = (
        "the test section" if options.folds is None else f"the held-out parts of {options.folds}-fold cross-validation"
    )
    return (
        f"Figures of the paper's protocol over {lesion_slices} slices with lesion of {where}: each map scaled to "
        "[0, 1], Dice, sensitivity, specificity and enhanced-alignment measure (E) as means over 256 thresholds, "
        f"structure measure (S) and MAE. {weights_words(options)} {spread_words(options)} Bold: best of the rows "
        "measured here. The other rows are as printed, for other slices (48 of COVID-SemiSeg in the paper, 50 in the "
        "report): comparable only where the same slices are measured."
    )


def fixed_threshold_caption(options: ComparisonOptions) -> str:
    """Caption of the table at threshold 0.5."""
    return (
        "The same slices at the fixed threshold 0.5, maps not scaled; MAE of the map as it is. "
        f"{weights_words(options)} {spread_words(options)}"
    )


def weights_words(options: ComparisonOptions) -> str:
    """Which epoch's weights are measured."""
    if options.folds is None:
        return "Weights of the epoch with the best Dice on the validation section."
    return "Weights of the last epoch: no epoch was chosen on slices that are measured."


def spread_words(options: ComparisonOptions) -> str:
    """What the means and the numbers behind them are taken over."""
    seeds = len(options.seeds)
    if options.folds is not None:
        over = f"{options.folds} folds" + (f" and {seeds} seeds" if seeds > 1 else "")
        mean = "Mean over all slices" + (f" and {seeds} seeds" if seeds > 1 else "")
        return f"{mean} ± standard deviation over the runs of {over}."
    return f"Mean ± standard deviation over {seeds} seeds." if seeds > 1 else f"One run, seed {options.seeds[0]}."


def learning_curve_note(options: ComparisonOptions) -> str:
    """What the learning curves show."""
    watched = (
        "Validation: the validation section."
        if options.folds is None
        else "Validation: a tenth of each fold's training items, watched only; the held-out parts are not seen."
    )
    many = len(options.seeds) * (options.folds or 1) > 1
    return (
        f"{watched} Losses of Inf-Net (five maps) and of baselines (one map) differ in scale."
        + " Lines: means over the runs; bands: their range." * many
    )
