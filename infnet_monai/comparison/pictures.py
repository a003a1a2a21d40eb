"""Pictures of a comparison: learning curves, and Figures 5 and 6 of the report of Yildizhan (2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from infnet_monai.comparison.examples import EXAMPLES_DIR, Example, load_example
from infnet_monai.comparison.options import ComparisonOptions
from infnet_monai.comparison.plan import Run
from infnet_monai.files import natural_key
from infnet_monai.reporting.comparison_figures import MaskRow, draw_learning_curves, draw_mask_rows
from infnet_monai.reporting.comparison_page import Picture
from infnet_monai.reporting.contact_sheet import choose_examples

__all__ = ["draw_pictures", "learning_curve_note"]

EXAMPLES_SHOWN = 3
MASK_ROWS_SHOWN = 5
CHOICE = "Cases evenly spread over the list, whatever was predicted; of each the slice with the largest lesion."


def draw_pictures(options: ComparisonOptions, finished: Sequence[Run]) -> list[Picture]:
    """Draw all pictures into the folder of the comparison.

    Args:
        options: Options of the comparison.
        finished: Runs that have been evaluated; the masks are those of the first one's seed.

    Returns:
        The pictures from top to bottom of the page.
    """
    names = [method.name for method in options.methods if any(run.method == method for run in finished)]
    seed, folder, note = finished[0].seed, options.output_dir, learning_curve_note(options)
    curves = {name: [pd.read_csv(run.curve) for run in finished if run.method.name == name] for name in names}
    rows = _mask_rows(names, [run for run in finished if run.seed == seed])
    examples = [MaskRow(row.caption, row.image, row.reference, {}, row.spacing_mm) for row in rows]
    return [
        Picture(draw_learning_curves(curves, folder / "learning_curves.png", note), "Learning curves", note),
        Picture(
            draw_mask_rows(choose_examples(examples, EXAMPLES_SHOWN), folder / "figure5_examples.png"),
            "Example slices and their masks",
            f"As Figure 5 of the report of Yildizhan. {CHOICE}",
        ),
        Picture(
            draw_mask_rows(rows, folder / "figure6_masks.png"),
            "Masks of all networks",
            f"As Figure 6 of the report of Yildizhan: threshold 0.5, seed {seed}. {CHOICE}",
        ),
    ]


def learning_curve_note(options: ComparisonOptions) -> str:
    """Say what the learning curves show.

    Args:
        options: Options of the comparison.
    """
    watched = (
        "Validation: the validation section."
        if options.folds is None
        else "Validation: a tenth of each fold's training items, watched only; the held-out parts are not seen."
    )
    many = len(options.seeds) * (options.folds or 1) > 1
    return (
        f"{watched} Losses of Inf-Net (five outputs) and of baselines (one output) differ in scale."
        + " Lines: means over the runs; bands: their range." * many
    )


def _mask_rows(names: Sequence[str], runs: Sequence[Run]) -> list[MaskRow]:
    """Some cases, each with the masks of all methods, None where a method has none (its run is not finished)."""
    paths = {
        name: {
            path.stem: path
            for run in runs
            if run.method.name == name
            for path in (run.evaluation / EXAMPLES_DIR).glob("*.npz")
        }
        for name in names
    }
    cases = sorted({case for of_method in paths.values() for case in of_method}, key=natural_key)
    return [
        _mask_row({name: load_example(paths[name][case]) if case in paths[name] else None for name in names})
        for case in choose_examples(cases, MASK_ROWS_SHOWN)
    ]


def _mask_row(by_method: Mapping[str, Example | None]) -> MaskRow:
    example = next(example for example in by_method.values() if example is not None)
    return MaskRow(
        example.name,
        example.image,
        example.reference,
        {name: None if own is None else own.prediction for name, own in by_method.items()},
        example.spacing_mm,
    )
