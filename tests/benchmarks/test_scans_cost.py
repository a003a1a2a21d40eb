from infnet_monai.benchmarks.scans import measure_scans


def test_both_ways_read_the_same_voxels_and_the_ratios_follow_from_the_times():
    cost = measure_scans(series=2, images=3, size_px=16, repeats=1)
    assert (cost.series, cost.images, cost.largest_difference) == (2, 3, 0)
    assert cost.sources_s > 0
    assert cost.find_speed_up == 2 * cost.gdcm_scan_s / cost.sources_s
    assert cost.load_speed_up == cost.itk_load_s / cost.load_s
