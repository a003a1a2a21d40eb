"""Tables of evaluated scans for the tests of their pictures."""

from dataclasses import fields

import pandas as pd

from infnet_monai.evaluation.scan_metrics import ScanMetrics


def scan_table(reference_ml, predicted_ml, dice=0.5, lung_ml=4000.0):
    """Return a row for each pair of volumes; metrics that no picture shows are 0."""
    table = pd.DataFrame({"case": [f"ct_{k + 1}" for k in range(len(reference_ml))]})
    for column in fields(ScanMetrics):
        table[column.name] = 0.0
    table["dice"] = table["lesion_slice_dice"] = dice
    for name, volumes in (("reference", reference_ml), ("predicted", predicted_ml)):
        table[f"{name}_ml"] = volumes
        table[f"{name}_percent_of_lung"] = 100 * table[f"{name}_ml"] / lung_ml
    return table
