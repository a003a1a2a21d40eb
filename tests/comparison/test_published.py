from infnet_monai.comparison.published import PUBLISHED_ROWS
from infnet_monai.evaluation.metric_tables import TABLE_COLUMNS
from infnet_monai.reporting.comparison_table import ComparisonRow, ComparisonTable


def test_best_of_the_reports_rows_are_those_it_prints_in_bold():
    report = [ComparisonRow(row.network, row.source, row.figures) for row in PUBLISHED_ROWS if row.source == "report"]
    table = ComparisonTable("", TABLE_COLUMNS["paper"], report)
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
