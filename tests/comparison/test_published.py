from infnet_monai.comparison.results import PUBLISHED_ROWS, SOURCES
from infnet_monai.metrics import select_metrics
from infnet_monai.reporting.comparison_table import ComparisonRow, ComparisonTable


def test_best_of_the_reports_rows_are_those_it_prints_in_bold():
    rows = [row for row in PUBLISHED_ROWS if row.source == "Yildizhan (2020)"]
    report = [ComparisonRow(row.network, row.source, row.metrics) for row in rows]
    table = ComparisonTable("", select_metrics("paper", printed=True), report)
    bold = {
        (row[0].text, heading)
        for row in table.cells()
        for heading, cell in zip(table.headings, row, strict=True)
        if cell.best
    }
    expected = {("VGG16", heading) for heading in ("Dice", "Spec.", "E", "MAE")}
    assert bold == expected | {("Res2Net", "Sen."), ("ResNeXt", "S")}


def test_published_rows_are_never_the_best():
    assert len(PUBLISHED_ROWS) == 8
    assert not any(row.ranked for row in PUBLISHED_ROWS)


def test_sources_of_the_rows_are_named():
    assert {row.source for row in PUBLISHED_ROWS} == set(SOURCES)
