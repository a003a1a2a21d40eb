"""Everything that a comparison writes beside its runs: tables, pictures and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from infnet_monai.comparison.captions import fixed_threshold_caption, table_caption
from infnet_monai.comparison.options import ComparisonOptions
from infnet_monai.comparison.pictures import draw_pictures
from infnet_monai.comparison.plan import Run
from infnet_monai.comparison.published import PAPER, PUBLISHED_ROWS, REPORT
from infnet_monai.comparison.results import RunResult, method_rows, read_result, run_table
from infnet_monai.errors import InputError
from infnet_monai.evaluation.metric_tables import TABLE_COLUMNS
from infnet_monai.files import atomic_write
from infnet_monai.reporting.comparison_page import RunState, write_comparison_page
from infnet_monai.reporting.comparison_table import ComparisonTable, rows_as_frame
from infnet_monai.run_record import package_versions

__all__ = ["write_outputs"]

FIXED_COLUMNS = {
    "Dice": "dice_at_0.5",
    "Sen.": "sensitivity_at_0.5",
    "Spec.": "specificity_at_0.5",
    "MAE": "mae_unscaled",
}
SOURCES = {"Source report": REPORT, "Source paper": PAPER}


def write_outputs(options: ComparisonOptions, runs: Sequence[Run], problems: Mapping[str, str]) -> list[Path]:
    """Write tables, pictures and the page from the finished runs.

    Args:
        options: Of the comparison.
        runs: All of them.
        problems: Why a run is not finished, by its name.

    Returns:
        Paths of the files.

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
        ComparisonTable(caption, TABLE_COLUMNS["paper"], [*rows, *PUBLISHED_ROWS]),
        ComparisonTable(fixed_threshold_caption(options), FIXED_COLUMNS, rows),
    ]


def _write_tables(tables: Sequence[ComparisonTable], results: Sequence[RunResult], output_dir: Path) -> list[Path]:
    sources = [f"{name}: {source}.\n" for name, source in SOURCES.items()]
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
        "epochs": options.epochs or "as in the bundles",
        "overlay": options.overlay or "none",
        "overlay of the evaluation": options.evaluation_overlay or "none",
        "overrides": ", ".join(f"{name}={value}" for name, value in options.overrides.items()) or "none",
        **package_versions(),
    }
