from infnet_monai.benchmarks.start import measure_start


def test_help_needs_less_than_reading_a_scan_with_pytorch_and_monai():
    cost = measure_start(repeats=1)
    assert 0 < cost.version_s < cost.scan_read_s
    assert 0 < cost.help_s < cost.scan_read_s
    assert cost.scan_found_s < cost.scan_read_s
