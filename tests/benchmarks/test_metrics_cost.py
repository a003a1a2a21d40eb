import numpy as np
import pytest
import torch

from infnet_monai.benchmarks.metrics import MetricsCost, measure_metrics, pysodmetrics_values
from infnet_monai.metrics import select_metrics


def test_same_metrics_are_timed_and_threads_come_back():
    torch.set_num_threads(2)
    cost = measure_metrics(image_size=48, batch_size=3, repeats=2)
    assert torch.get_num_threads() == 2
    assert (cost.image_size, cost.batch_size) == (48, 3)
    assert cost.largest_difference < 0.003
    assert min(cost.pysodmetrics_ms, cost.singles_ms, cost.batch_ms) > 0


def test_speed_ups_are_quotients():
    cost = MetricsCost(352, 16, pysodmetrics_ms=10.0, singles_ms=2.0, batch_ms=1.0, largest_difference=0.0)
    assert (cost.speed_up, cost.batch_speed_up) == (5, 2)


def test_pysodmetrics_values_come_in_the_order_of_the_names():
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5, 2:6] = 255
    names = [metric.name for metric in select_metrics("paper")]
    values = dict(zip(names, pysodmetrics_values(mask, mask), strict=True))
    assert values["mae"] == 0
    assert values["s_measure"] == pytest.approx(1, abs=1e-6)
    assert values["max_dice"] == values["adaptive_sensitivity"] == 1
    assert values["mean_specificity"] == pytest.approx(255 / 256)


@pytest.mark.slow
def test_faster_than_pysodmetrics_and_batches_faster_than_single_slices():
    cost = measure_metrics(repeats=8)
    assert cost.speed_up > 3  # five to six on an idle machine
    assert cost.batch_speed_up > 1
