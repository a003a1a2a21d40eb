import pytest
from written_runs import write_evaluation, write_training

from infnet_monai.comparison.plan import plan_runs
from infnet_monai.comparison.results import method_rows, read_result, run_table
from infnet_monai.errors import InputError
from infnet_monai.metrics import Metric, select_metrics, table


def results(runs, values, slices=None):
    for run, value in zip(runs, values, strict=True):
        write_training(run.folder)
        write_evaluation(run.folder, value, **({} if slices is None else {"lesion_slices": slices[run.fold]}))
    return [read_result(run) for run in runs]


def test_one_run_has_its_own_values_and_no_spread(options):
    (run,) = plan_runs(options(bundles=["vgg16"]))
    (result,) = results([run], [0.25])
    assert result.metrics == {metric.column: 0.25 for metric in select_metrics(printed=True)}
    assert result.lesion_slices == 4
    (row,) = method_rows([result], {"infnet_vgg16": 1})
    assert (row.network, row.source, row.encoder_weights) == ("infnet_vgg16", "here", "random")
    assert {str(estimate) for estimate in row.metrics.values()} == {"0.250"}


def test_seeds_give_mean_and_standard_deviation(options):
    runs = plan_runs(options(bundles=["vgg16"], seeds=(0, 1, 2)))
    (row,) = method_rows(results(runs, [0.1, 0.2, 0.6]), {"infnet_vgg16": 3})
    assert row.metrics["mae"].mean == pytest.approx(0.3)
    assert row.metrics["mae"].spread == pytest.approx(0.2645751)


def test_folds_are_pooled_over_their_slices(options):
    runs = plan_runs(options(bundles=["vgg16"], folds=2))
    (row,) = method_rows(results(runs, [0.2, 0.6], {1: 30, 2: 10}), {"infnet_vgg16": 2})
    assert row.metrics["paper_mean_dice"].mean == pytest.approx((30 * 0.2 + 10 * 0.6) / 40)
    assert row.metrics["paper_mean_dice"].spread == pytest.approx(0.2828427)


def test_folds_and_seeds_are_pooled_in_each_seed(options):
    runs = plan_runs(options(bundles=["vgg16"], folds=2, seeds=(0, 1)))
    (row,) = method_rows(results(runs, [0.2, 0.6, 0.4, 0.8], {1: 30, 2: 10}), {"infnet_vgg16": 4})
    assert row.metrics["paper_mean_dice"].mean == pytest.approx((0.3 + 0.5) / 2)


def test_missing_runs_are_said_and_missing_methods_left_out(options):
    runs = plan_runs(options(seeds=(0, 1)))
    finished = results(runs[:1], [0.5])
    (row,) = method_rows(finished, {"infnet_vgg16": 2, "infnet_efficientnet_lite0": 2})
    assert row.source == "here, 1 of 2 runs"


def test_run_table_has_a_row_a_run(options):
    frame = run_table(results(plan_runs(options(folds=2)), [0.1, 0.2, 0.3, 0.4]))
    assert frame["fold"].tolist() == [1, 1, 2, 2]
    assert frame["paper_mean_dice"].tolist() == [0.1, 0.2, 0.3, 0.4]
    assert frame["lesion_slices"].tolist() == [4] * 4


def test_a_new_row_of_the_table_of_metrics_is_compared(options, monkeypatch):
    row = Metric("volume_difference", "Vol.", "clinical", lambda images: images.counts.fp[:, 0], unit="ml")
    runs = plan_runs(options(bundles=["vgg16"], seeds=(0, 1)))
    (before,) = results(runs[:1], [0.5])
    monkeypatch.setattr(table, "METRICS", (*table.METRICS, row))
    (after,) = results(runs[1:], [0.7])
    assert "volume_difference" not in before.metrics
    found = [read_result(run) for run in runs]  # the first was evaluated before there was the row
    (line,) = method_rows(found, {"infnet_vgg16": 2})
    assert (after.metrics["volume_difference"], line.metrics["volume_difference"].mean) == (0.7, 0.7)
    assert run_table(found)["volume_difference"].isna().tolist() == [True, False]


def test_undefined_values_are_left_out(options):
    runs = plan_runs(options(bundles=["vgg16"], folds=2))
    found = results(runs, [0.2, None], {1: 30, 2: 10})
    (row,) = method_rows(found, {"infnet_vgg16": 2})
    assert (row.metrics["mae"].mean, row.metrics["mae"].spread) == (0.2, None)
    (row,) = method_rows(found[1:], {"infnet_vgg16": 2})
    assert str(row.metrics["mae"]) == "–"


def test_a_damaged_summary_is_named(options):
    (run,) = plan_runs(options(bundles=["vgg16"]))
    results([run], [0.5])
    (run.evaluation / "summary.json").write_text("{}")
    with pytest.raises(InputError, match=r"summary\.json: is no summary of an evaluation"):
        read_result(run)
