from infnet_monai.benchmarks.data import measure_data


def test_measures_speed_and_memory():
    cost = measure_data(volumes=1, shape=(32, 32, 8), image_size=32, reads=1)
    assert cost.cached_per_s > 0
    assert cost.reading_per_s > 0
    assert cost.build_s > 0
    assert cost.peak_mb_per_slice >= 0
    assert cost.cached_mb_per_slice == 32 * 32 * 5 / 1e6
