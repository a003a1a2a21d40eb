import json
import math

import pandas as pd
import pytest

from infnet_monai.evaluation.map_folders import FolderEvaluation
from infnet_monai.evaluation.metric_tables import describe_protocol, table_row, write_evaluation
from infnet_monai.metrics import select_metrics


@pytest.mark.parametrize("protocol", ["paper", "clinical"])
def test_every_printed_metric_has_a_column(protocol):
    summary = {metric.name: 0.5 for metric in select_metrics(protocol)}
    head, row = table_row(summary, protocol).splitlines()
    assert len(head) == len(row)
    assert row.split() == ["0.500"] * len(select_metrics(protocol, printed=True))
    assert describe_protocol(protocol).startswith(f"{protocol}: ")


def test_units_stand_in_the_head():
    assert "HD95 (mm)" in table_row({metric.name: 1 for metric in select_metrics("clinical")}, "clinical")


def test_row_in_the_order_of_the_published_tables():
    names = [metric.name for metric in select_metrics("paper", printed=True)]
    summary = {name: index / 10 for index, name in enumerate(names)}
    head, row = table_row(summary).splitlines()
    assert head.split() == ["Dice", "Sen.", "Spec.", "S", "E", "MAE"]
    assert row.split() == ["0.000", "0.100", "0.200", "0.300", "0.400", "0.500"]
    assert len(head) == len(row)


@pytest.fixture
def evaluation():
    table = pd.DataFrame({"case": ["a", "b"], "slice": pd.array([None, None], "Int64"), "dice": [0.5, math.nan]})
    return FolderEvaluation("clinical", table, {"dice": 0.5, "hd95_mm": math.nan}, {"dice": 1, "hd95_mm": 2}, ["c"], [])


def test_undefined_is_null_in_json_and_empty_in_csv(evaluation, tmp_path):
    csv = write_evaluation(evaluation, tmp_path / "new" / "metrics.json")
    content = json.loads((tmp_path / "new" / "metrics.json").read_text())
    assert content["protocol"] == "clinical"
    assert content["images"] == 2
    assert content["summary"] == {"dice": 0.5, "hd95_mm": None}
    assert content["undefined"] == {"dice": 1, "hd95_mm": 2}
    assert content["maps_without_mask"] == ["c"]
    assert csv.name == "metrics.csv"
    assert csv.read_text() == "case,dice\na,0.5\nb,\n"


def test_slices_of_volumes_have_a_column(evaluation, tmp_path):
    evaluation.table["slice"] = pd.array([1, 2], "Int64")
    csv = write_evaluation(evaluation, tmp_path / "metrics.json")
    assert csv.read_text() == "case,slice,dice\na,1,0.5\nb,2,\n"
