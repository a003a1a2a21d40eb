import json

import pytest
from written_runs import write_training

from infnet_monai.comparison.plan import check_run, plan_runs
from infnet_monai.errors import InputError


def start(run, **training):
    write_training(run.folder, **training)
    run.config_path.write_text(json.dumps(run.config))


def test_all_methods_have_their_first_seed_and_fold_before_the_next(options):
    runs = plan_runs(options(seeds=(3, 4), folds=2))
    assert [(run.method.name, run.seed, run.fold) for run in runs] == [
        (name, seed, fold)
        for seed in (3, 4)
        for fold in (1, 2)
        for name in ("infnet_vgg16", "infnet_efficientnet_lite0")
    ]
    assert len({run.folder for run in runs}) == len({run.name for run in runs}) == 8
    assert runs[0].dataset_dir == options().output_dir / "folds" / "fold_1"


def test_config_holds_what_differs_from_the_bundle(options):
    run, _ = plan_runs(options(overrides={"image_size": [8, 8]}, seeds=(7,)))
    facts = run.config["facts"]
    assert {name: run.config[name] for name in run.config if name != "facts"} == {
        "image_size": [8, 8],
        "epochs": 2,
        "seed": 7,
    }
    assert facts["bundle"] == "infnet_vgg16"
    hashed = {name.removeprefix("sha256 of ") for name in facts if name.startswith("sha256 of ")}
    assert hashed == {"train.json", "dataset.json"}
    assert run.dataset_dir == options().dataset_dir


def test_only_folds_measure_the_last_epoch(options):
    (single, *_), (fold, *_) = plan_runs(options()), plan_runs(options(folds=2))
    key = "best_model#_target_"
    assert key not in single.config
    assert fold.config[key].endswith("FinalModel")


def test_length_is_the_bundles_own_unless_given(options):
    assert [run.epochs for run in plan_runs(options(epochs=None))] == [100, 100]
    assert [run.epochs for run in plan_runs(options())] == [2, 2]


def test_completed_epochs_are_those_of_the_curve(options):
    run, _ = plan_runs(options(epochs=9))
    assert run.completed_epochs() == 0
    write_training(run.folder, epochs=4, finished=False)
    assert run.completed_epochs() == 4
    run.curve.write_text("")  # just being written
    assert run.completed_epochs() == 0
    write_training(run.folder, epochs=9)
    assert run.completed_epochs() == 9


def test_changed_options_are_refused_by_name(options):
    run, _ = plan_runs(options(overrides={"batch_size": 3}))
    start(run)
    check_run(run, retrain=False)
    changed, _ = plan_runs(options(epochs=5))
    with pytest.raises(InputError, match=r"batch_size: 3 then, null now; epochs: 2 then, 5 now.*--retrain"):
        check_run(changed, retrain=False)


def test_changed_data_and_bundle_are_noticed(options, tiny_dataset):
    run, _ = plan_runs(options())
    start(run)
    datalist = tiny_dataset / "dataset.json"
    datalist.write_text(datalist.read_text() + "\n")
    changed, _ = plan_runs(options())
    with pytest.raises(InputError, match=r"other options \(sha256 of dataset\.json: "):
        check_run(changed, retrain=False)


def test_retraining_keeps_the_earlier_run(options):
    run, _ = plan_runs(options())
    start(run)
    changed, _ = plan_runs(options(epochs=5))
    check_run(changed, retrain=True)
    assert not run.folder.exists()
    (earlier,) = run.folder.parent.glob("earlier-*-seed_0")
    assert (earlier / "models" / "model.pt").read_bytes() == b"weights"


def test_options_may_change_while_nothing_is_trained(options):
    run, _ = plan_runs(options())
    run.folder.mkdir(parents=True)
    run.config_path.write_text(json.dumps(run.config))
    changed, _ = plan_runs(options(epochs=5))
    check_run(changed, retrain=False)


def test_unknown_override_names_the_bundle(options):
    with pytest.raises(
        InputError, match="override 'batchsize': infnet_vgg16 has no such item; did you mean batch_size"
    ):
        plan_runs(options(overrides={"batchsize": 3}))


def test_extra_training_is_a_fact_of_the_runs_that_have_it(options, tmp_path):
    (tmp_path / "dataset.json").write_text('{"training": []}')
    plain, joined = (plan_runs(options(folds=2, extra_training=more))[0] for more in (None, tmp_path))
    start(plain)
    assert plain.changed_options() == []
    [changed] = joined.changed_options()
    assert "sha256 of the extra training's dataset.json" in changed


def test_extra_training_without_folds_is_refused(options, tmp_path):
    with pytest.raises(InputError, match=r"joins the folds of a cross-validation; give --folds, or list its items in"):
        options(extra_training=tmp_path)
