from infnet_monai.comparison.outputs import fixed_threshold_caption, table_caption
from infnet_monai.comparison.pictures import learning_curve_note


def test_sections_of_the_data_set(options):
    caption = table_caption(options(), 48)
    assert "over 48 slices with lesion of the test section" in caption
    assert "best Dice on the validation section" in caption
    assert "One run, seed 0." in caption
    assert "±" not in caption
    assert "bands" not in learning_curve_note(options())


def test_seeds(options):
    assert "Mean ± standard deviation over 3 seeds." in fixed_threshold_caption(options(seeds=(0, 1, 2)))
    assert "bands" in learning_curve_note(options(seeds=(0, 1, 2)))


def test_folds_say_that_nothing_was_chosen(options):
    caption = table_caption(options(folds=5, seeds=(0, 1)), 50)
    assert "held-out parts of 5-fold cross-validation" in caption
    assert "Weights of the last epoch: no epoch was chosen on slices that are measured." in caption
    assert "Mean over all slices and 2 seeds ± standard deviation over the runs of 5 folds and 2 seeds." in caption
    assert "best Dice" not in caption
    assert "the held-out parts are not seen" in learning_curve_note(options(folds=5))


def test_extra_training_is_named_wherever_it_was_trained_on(options, tmp_path):
    with_more = options(folds=5, extra_training=tmp_path / "volumes")
    for caption in (table_caption(with_more, 50), fixed_threshold_caption(with_more)):
        assert "Each fold was trained on the training section of volumes as well." in caption
    assert "volumes" not in table_caption(options(folds=5), 50)
