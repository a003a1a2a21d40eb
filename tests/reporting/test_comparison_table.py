import io

import pandas as pd
import pytest

from infnet_monai.metrics import select_metrics
from infnet_monai.reporting.comparison_table import ComparisonRow, ComparisonTable, Estimate, rows_as_frame

COLUMNS = {metric.name: metric for metric in select_metrics("clinical")}
DICE, HD95, MAE = (COLUMNS[name] for name in ("dice", "hd95_mm", "mae"))


def row(name, dice, mae, spread=None, **settings):
    return ComparisonRow(name, "here", {"dice": Estimate(dice, spread), "mae": Estimate(mae)}, "random", **settings)


@pytest.fixture
def table():
    rows = [row("net_a", 0.71, 0.2, 0.012), row("net_b", 0.7004, 0.1), row("book", 0.9, 0.01, ranked=False)]
    return ComparisonTable("Dice & MAE, 50 % ± spread", [DICE, MAE], rows)


def test_best_is_highest_dice_and_lowest_error_of_the_ranked_rows(table):
    cells = table.cells()
    assert [[cell.best for cell in line] for line in cells] == [
        [False, False, False, True, False],
        [False, False, False, False, True],
        [False] * 5,
    ]
    assert [cell.text for cell in cells[0]] == ["net_a", "here", "random", "0.710 ± 0.012", "0.200"]


def test_values_that_print_alike_are_both_best():
    rows = [row("a", 0.70004, 0.1), row("b", 0.70041, 0.2)]
    table = ComparisonTable("", [DICE], rows)
    assert [line[-1].best for line in table.cells()] == [True, True]


def test_no_ranked_row_means_no_best():
    table = ComparisonTable("", [DICE], [row("book", 0.9, 0.01, ranked=False)])
    assert not any(cell.best for line in table.cells() for cell in line)


def test_markdown(table):
    assert table.markdown().splitlines() == [
        "Dice & MAE, 50 % ± spread",
        "",
        "| Network | Source | Encoder weights | Dice | MAE |",
        "| --- | --- | --- | --: | --: |",
        "| net_a | here | random | **0.710 ± 0.012** | 0.200 |",
        "| net_b | here | random | 0.700 | **0.100** |",
        "| book | here | random | 0.900 | 0.010 |",
    ]


def test_latex_escapes_and_emphasises(table):
    lines = table.latex().splitlines()
    assert r"\caption{Dice \& MAE, 50 \% $\pm$ spread}" in lines
    assert r"\begin{tabular}{lllrr}" in lines
    assert r"net\_a & here & random & \textbf{0.710 $\pm$ 0.012} & 0.200 \\" in lines


def test_frame_has_full_precision_and_empty_spreads(table):
    frame = pd.read_csv(io.StringIO(rows_as_frame(table.rows).to_csv(index=False)))
    assert frame.columns.tolist() == ["network", "source", "encoder_weights", "dice", "dice_std", "mae", "mae_std"]
    assert frame["dice"].tolist() == [0.71, 0.7004, 0.9]
    assert frame["dice_std"].isna().tolist() == [False, True, True]


def test_undefined_and_unknown_values_are_dashes_and_never_the_best():
    rows = [ComparisonRow("a", "here", {"hd95_mm": Estimate(float("nan"))}), ComparisonRow("b", "here", {})]
    rows.append(ComparisonRow("c", "here", {"hd95_mm": Estimate(12.5)}))
    table = ComparisonTable("", [HD95], rows)
    assert table.headings[-1] == "HD95 (mm)"
    assert [(line[-1].text, line[-1].best) for line in table.cells()] == [("–", False), ("–", False), ("12.500", True)]
    assert "a & here &  & -- " in table.latex()
