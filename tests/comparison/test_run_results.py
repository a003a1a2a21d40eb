import pytest
from written_runs import write_evaluation, write_training

from infnet_monai.comparison.plan import plan_runs
from infnet_monai.comparison.results import FIGURES, method_rows, read_result, run_table


def results(runs, values, slices=None):
    for run, value in zip(runs, values, strict=True):
        write_training(run.folder)
        write_evaluation(run.folder, value, **({} if slices is None else {"lesion_slices": slices[run.fold]}))
    return [read_result(run) for run in runs]


def test_one_run_has_its_own_figures_and_no_spread(options):
    (run,) = plan_runs(options(bundles=["vgg16"]))
    (result,) = results([run], [0.25])
    assert result.figures == dict.fromkeys(FIGURES.values(), 0.25)
    assert result.lesion_slices == 4
    (row,) = method_rows([result], {"infnet_vgg16": 1})
    assert (row.network, row.source, row.encoder_weights) == ("infnet_vgg16", "here", "random")
    assert {str(estimate) for estimate in row.figures.values()} == {"0.250"}


def test_seeds_give_mean_and_standard_deviation(options):
    runs = plan_runs(options(bundles=["vgg16"], seeds=(0, 1, 2)))
    (row,) = method_rows(results(runs, [0.1, 0.2, 0.6]), {"infnet_vgg16": 3})
    assert row.figures["mae"].mean == pytest.approx(0.3)
    assert row.figures["mae"].spread == pytest.approx(0.2645751)


def test_folds_are_pooled_over_their_slices(options):
    runs = plan_runs(options(bundles=["vgg16"], folds=2))
    (row,) = method_rows(results(runs, [0.2, 0.6], {1: 30, 2: 10}), {"infnet_vgg16": 2})
    assert row.figures["mean_dice"].mean == pytest.approx((30 * 0.2 + 10 * 0.6) / 40)
    assert row.figures["mean_dice"].spread == pytest.approx(0.2828427)


def test_folds_and_seeds_are_pooled_in_each_seed(options):
    runs = plan_runs(options(bundles=["vgg16"], folds=2, seeds=(0, 1)))
    (row,) = method_rows(results(runs, [0.2, 0.6, 0.4, 0.8], {1: 30, 2: 10}), {"infnet_vgg16": 4})
    assert row.figures["mean_dice"].mean == pytest.approx((0.3 + 0.5) / 2)


def test_missing_runs_are_said_and_missing_methods_left_out(options):
    runs = plan_runs(options(seeds=(0, 1)))
    finished = results(runs[:1], [0.5])
    (row,) = method_rows(finished, {"infnet_vgg16": 2, "infnet_efficientnet_lite0": 2})
    assert row.source == "here, 1 of 2 runs"


def test_run_table_has_a_row_a_run(options):
    table = run_table(results(plan_runs(options(folds=2)), [0.1, 0.2, 0.3, 0.4]))
    assert table["fold"].tolist() == [1, 1, 2, 2]
    assert table["mean_dice"].tolist() == [0.1, 0.2, 0.3, 0.4]
    assert table["lesion_slices"].tolist() == [4] * 4
