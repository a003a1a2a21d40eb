from infnet_monai.benchmarks.memory import MemoryCost, measure_memory


def test_memory_of_scans_is_measured_in_processes_of_their_own():
    cost = measure_memory(slices=60, size_px=256)
    assert (cost.size_px, cost.slices) == (256, 60)
    assert 0.1 < cost.half_peak_gb < 4
    assert 0.1 < cost.peak_gb < 4


def test_memory_of_a_slice_is_what_it_adds():
    assert MemoryCost(512, 1000, peak_gb=5.0, half_peak_gb=3.0).mb_per_slice == 4.0
