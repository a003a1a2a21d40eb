from infnet_monai.benchmarks.archive import measure_archive


def test_made_up_results_are_summarised_and_resumed_behind(tmp_path):
    cost = measure_archive(20, tmp_path)
    assert cost.scans == 20
    assert cost.summarise_s > 0
    assert cost.resume_s > 0
    assert len((tmp_path / "out" / "statistics.csv").read_text().splitlines()) == 21
