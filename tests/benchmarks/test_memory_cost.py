from infnet_monai.benchmarks.memory import MemoryCost, measure_memory


def test_memory_of_a_small_scan_is_measured_in_a_process_of_its_own():
    cost = measure_memory(slices=40, size_px=256)
    assert (cost.size_px, cost.slices) == (256, 40)
    assert 0 < cost.loaded_gb < cost.peak_gb < cost.loaded_gb + 1


def test_memory_of_a_slice_is_what_it_adds():
    assert MemoryCost(512, 1000, loaded_gb=1.0, peak_gb=5.0).mb_per_slice == 4.0
