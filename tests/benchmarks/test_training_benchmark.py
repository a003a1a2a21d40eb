import pytest

from infnet_monai.benchmarks.training import measure_training


def test_steps_of_each_batch_size_are_measured_in_three_ways():
    two, one = measure_training("efficientnet_lite0", batch_sizes=(3, 2), repeats=1, image_size=64)
    assert (two.batch_size, one.batch_size) == (3, 2)
    assert min(two.bundle_s, two.bf16_s, two.float32_s, one.bundle_s) > 0
    assert two.speed_up == pytest.approx(two.bf16_s / two.bundle_s)
