from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from infnet_monai.evaluation.scan_groups import GROUPS, summarise_groups
from infnet_monai.evaluation.scan_metrics import ScanMetrics


def table(**columns):
    """Scans with some metrics; all others are NaN."""
    rows = len(next(iter(columns.values())))
    every = {column.name: [np.nan] * rows for column in fields(ScanMetrics)}
    return pd.DataFrame({**every, **columns})


def test_scans_are_grouped_by_the_volume_of_the_reference():
    found = summarise_groups(
        table(reference_ml=[0, 10, 50, 51, 200], predicted_ml=[7, 10, 50, 51, 200], dice=[0, 0.2, 0.4, 0.6, 0.8])
    )
    assert {name: group.scans for name, group in found.items()} == {
        "with_lesions": 4,
        "large_lesions": 2,
        "without_lesions": 1,
    }
    assert found["with_lesions"].metrics["dice"].mean == pytest.approx(0.5)
    assert found["large_lesions"].metrics["dice"].mean == pytest.approx(0.7)
    assert "dice" not in found["without_lesions"].metrics


def test_scans_without_lesions_have_the_mean_and_the_worst_of_their_false_positives():
    found = summarise_groups(
        table(
            reference_ml=[0, 0, 0],
            false_positive_ml=[0, 3, 12],
            predicted_percent_of_lung=[0, np.nan, 0.4],
        )
    )["without_lesions"]
    assert (found.metrics["false_positive_ml"].mean, found.metrics["false_positive_ml"].maximum) == (5, 12)
    percent = found.metrics["predicted_percent_of_lung"]
    assert (percent.mean, percent.maximum, percent.defined, percent.undefined) == (0.2, 0.4, 2, 1)
    assert found.agreement == {}


def test_agreement_is_that_of_the_scans_with_lesions():
    found = summarise_groups(
        table(
            reference_ml=[0, 10, 20, 30],
            predicted_ml=[100, 9, 21, 33],
            reference_percent_of_lung=[0, 1, np.nan, 3],
            predicted_percent_of_lung=[10, 2, np.nan, 3],
        )
    )["with_lesions"].agreement
    assert (found["ml"].bias, found["ml"].high) == pytest.approx((1, 4.92))
    assert (found["percent_of_lung"].bias, found["percent_of_lung"].left_out) == (0.5, 1)
    assert found["percent_of_lung_ratio"].bias == pytest.approx(2**0.5)


def test_every_summarised_metric_is_a_column_of_the_table():
    columns = {column.name for column in fields(ScanMetrics)}
    assert all(set(group.metrics) <= columns for group in GROUPS)


def test_groups_without_scans_have_no_numbers():
    found = summarise_groups(table(reference_ml=[10.0], dice=[0.5]))
    assert found["without_lesions"].scans == 0
    assert found["without_lesions"].metrics["false_positive_ml"].mean is None
    assert found["with_lesions"].metrics["dice"].low is None
