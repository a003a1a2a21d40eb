"""Everything that a comparison writes beside its runs: tables, pictures and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from infnet_monai.comparison.options import ComparisonOptions
from infnet_monai.comparison.pictures import draw_pictures
from infnet_monai.comparison.plan import Run
from infnet_monai.comparison.results import PUBLISHED_ROWS, SOURCES, RunResult, method_rows, read_result, run_table
from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write
from infnet_monai.metrics import select_metrics
from infnet_monai.reporting.comparison_page import RunState, write_comparison_page
from infnet_monai.reporting.comparison_table import ComparisonTable, rows_as_frame
from infnet_monai.run_record import package_versions

__all__ = ["fixed_threshold_caption", "table_caption", "write_outputs"]


def write_outputs(options: ComparisonOptions, runs: Sequence[Run], problems: Mapping[str, str]) -> list[Path]:
    """Write tables, pictures and the page from the finished runs.

    Args:
        options: Options of the comparison.
        runs: All runs of the comparison.
        problems: Why a run is not finished, by its name.

    Returns:
        Paths of the written files.

    Raises:
        InputError: No run is finished.
    """
    finished = [run for run in runs if run.name not in problems]
    if not finished:
        raise InputError(f"none of {len(runs)} runs is finished; the first: {problems[runs[0].name]}")
    results = [read_result(run) for run in finished]
    tables = _make_tables(options, runs, results)
    written = _write_tables(tables, results, options.output_dir)
    pictures = draw_pictures(options, finished)
    states = [
        RunState(run.name, run.folder.relative_to(options.output_dir).as_posix(), problems.get(run.name, ""))
        for run in runs
    ]
    page = write_comparison_page(
        options.output_dir / "index.html",
        "Comparison of networks for lung-infection segmentation",
        tables,
        pictures,
        states,
        SOURCES,
        _facts(options),
    )
    return [*written, *(picture.path for picture in pictures), page]


def _make_tables(
    options: ComparisonOptions, runs: Sequence[Run], results: Sequence[RunResult]
) -> list[ComparisonTable]:
    planned = {method.name: sum(run.method == method for run in runs) for method in options.methods}
    rows = method_rows(results, planned)
    slices = {result.run.fold: result.lesion_slices for result in results}
    caption = table_caption(options, sum(slices.values()))
    return [
        ComparisonTable(caption, select_metrics("paper", printed=True), [*rows, *PUBLISHED_ROWS]),
        ComparisonTable(fixed_threshold_caption(options), select_metrics("clinical", printed=True), rows),
    ]


def table_caption(options: ComparisonOptions, lesion_slices: int) -> str:
    """Return the caption of the table by the paper's protocol.

    Args:
        options: Options of the comparison.
        lesion_slices: Number of slices that the metrics are means of.
    """
    where = (
        "the test section" if options.folds is None else f"the held-out parts of {options.folds}-fold cross-validation"
    )
    return (
        f"Metrics by the paper's protocol over {lesion_slices} slices with lesion of {where}: each probability map "
        "scaled to [0, 1], Dice, sensitivity, specificity and enhanced-alignment measure (E) as means over 256 "
        f"thresholds, structure measure (S) and MAE. {_weights_words(options)} {_spread_words(options)} Bold: best of "
        "the rows measured here. The other rows are as printed, for other slices (48 of COVID-SemiSeg in the paper of "
        "Fan et al., 50 in the report of Yildizhan): comparable only where the same slices are measured."
    )


def fixed_threshold_caption(options: ComparisonOptions) -> str:
    """Return the caption of the table at threshold 0.5."""
    return (
        "The same slices at the fixed threshold 0.5, probability maps not scaled; MAE of the probability map as it is; "
        "undefined values (HD95 of an empty mask or without a known spacing) are left out. "
        f"{_weights_words(options)} {_spread_words(options)}"
    )


def _weights_words(options: ComparisonOptions) -> str:
    """Say which epoch's weights are measured, and what else they were trained on."""
    if options.folds is None:
        return "Weights of the epoch with the best Dice on the validation section."
    more = options.extra_training
    joined = f" Each fold was trained on the training section of {more.name} as well." if more is not None else ""
    return f"Weights of the last epoch: no epoch was chosen on slices that are measured.{joined}"


def _spread_words(options: ComparisonOptions) -> str:
    """Say over what means and standard deviations are taken."""
    seeds = len(options.seeds)
    if options.folds is not None:
        over = f"{options.folds} folds" + (f" and {seeds} seeds" if seeds > 1 else "")
        mean = "Mean over all slices" + (f" and {seeds} seeds" if seeds > 1 else "")
        return f"{mean} ± standard deviation over the runs of {over}."
    return f"Mean ± standard deviation over {seeds} seeds." if seeds > 1 else f"One run, seed {options.seeds[0]}."


def _write_tables(tables: Sequence[ComparisonTable], results: Sequence[RunResult], output_dir: Path) -> list[Path]:
    sources = [f"Source {name}: {source}.\n" for name, source in SOURCES.items()]
    texts = {
        "table.md": "\n".join([*(table.markdown() for table in tables), *sources]),
        "table.tex": "\n".join(table.latex() for table in tables),
        "table.csv": rows_as_frame(tables[0].rows).to_csv(index=False),
        "runs.csv": run_table(results).to_csv(index=False),
    }
    for name, text in texts.items():
        with atomic_write(output_dir / name) as draft:
            draft.write_text(text, encoding="utf-8")
    return [output_dir / name for name in texts]


def _facts(options: ComparisonOptions) -> dict[str, object]:
    return {
        "data set": options.dataset_dir,
        "seeds": ", ".join(map(str, options.seeds)),
        "folds": options.folds or "none",
        "extra training": options.extra_training or "none",
        "epochs": options.epochs or "as in the bundles",
        "overlay": options.overlay or "none",
        "overlay of the evaluation": options.evaluation_overlay or "none",
        "overrides": ", ".join(f"{name}={value}" for name, value in options.overrides.items()) or "none",
        **package_versions(),
    }
