import pandas as pd
import pytest
import torch
from ignite.engine import Engine, Events

from infnet_monai.handlers import LearningCurve
from infnet_monai.handlers.learning_curve import draw_learning_curve


@pytest.fixture
def engines():
    """A trainer whose loss is 10 times the epoch plus the batch, and an evaluator."""
    trainer = Engine(lambda engine, batch: {"loss": torch.tensor(10.0 * engine.state.epoch + batch)})
    trainer.optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    evaluator = Engine(lambda engine, batch: None)
    return trainer, evaluator


def validate(engines, event):
    trainer, evaluator = engines

    def run():
        evaluator.state.metrics = {"val_dice": trainer.state.epoch / 10}
        evaluator.run([0])

    trainer.add_event_handler(event, run)


def test_each_epoch_has_a_row_with_metrics_where_it_was_validated(engines, tmp_path):
    trainer, evaluator = engines
    validate(engines, Events.STARTED)
    validate(engines, Events.EPOCH_COMPLETED(every=2))
    LearningCurve(evaluator, tmp_path / "metrics.csv").attach(trainer)
    trainer.run([0, 1], max_epochs=3)
    curve = pd.read_csv(tmp_path / "metrics.csv")
    assert curve["epoch"].tolist() == [0, 1, 2, 3]
    assert curve["train_loss"].tolist()[1:] == [10.5, 20.5, 30.5]
    assert curve["val_dice"].fillna(-1).tolist() == [0, -1, 0.2, -1]
    assert curve["learning_rate"].tolist() == [0.5] * 4


def test_rows_are_part_of_the_state_and_the_file_is_never_read(engines, tmp_path):
    trainer, evaluator = engines
    curve = LearningCurve(evaluator, tmp_path / "metrics.csv")
    curve.attach(trainer)
    trainer.run([0], max_epochs=2)
    whole = (tmp_path / "metrics.csv").read_text()
    (tmp_path / "metrics.csv").write_text("")
    resumed = LearningCurve(evaluator, tmp_path / "metrics.csv")
    resumed.load_state_dict(curve.state_dict())
    resumed.attach(closing := Engine(lambda engine, batch: None))
    closing.state.epoch = closing.state.max_epochs = 2
    closing.fire_event(Events.COMPLETED)
    assert (tmp_path / "metrics.csv").read_text() == whole


def test_metric_of_the_start_is_that_before_the_first_epoch():
    curve = LearningCurve(Engine(lambda engine, batch: None), "metrics.csv")
    assert curve.first("val_dice") is None
    curve.load_state_dict({"rows": [{"epoch": 0, "val_dice": 0.25}, {"epoch": 1, "val_dice": 0.5}]})
    assert curve.first("val_dice") == 0.25


def test_legend_covers_no_curve(tmp_path):
    names = [f"val_metric_with_a_long_name_{k}" for k in range(10)]
    table = pd.DataFrame(
        {"epoch": [0, 1], "train_loss": [None, 1.0], "learning_rate": [0.1, 0.1]} | dict.fromkeys(names, 0.5)
    )
    figure = draw_learning_curve(table, tmp_path / "metrics.png")
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert not any(axes.get_window_extent().overlaps(box) for axes in figure.axes)
    assert not any(axes.get_legend() for axes in figure.axes)


def test_no_two_metrics_look_alike(tmp_path):
    values = {f"val_{k}": [0.1, 0.2] for k in range(12)}
    table = pd.DataFrame({"epoch": [0, 1], "train_loss": [float("nan"), 1.0], "learning_rate": [0.1, 0.1], **values})
    figure = draw_learning_curve(table, tmp_path / "metrics.png")
    lines = figure.axes[1].get_lines()
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 12


def test_further_outputs_of_the_trainer_join_the_row_and_losses_the_picture(tmp_path):
    def step(engine, batch):
        return {"loss": torch.tensor(3.0 + batch), "edge_loss": torch.tensor(1.0 + batch), "sure": torch.tensor(0.5)}

    trainer, evaluator = Engine(step), Engine(lambda engine, batch: None)
    trainer.optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    curve = LearningCurve(evaluator, tmp_path / "metrics.csv", outputs=["edge_loss", "sure"])
    curve.attach(trainer)
    trainer.run([0, 1], max_epochs=2)
    table = pd.read_csv(tmp_path / "metrics.csv")
    assert table.columns.tolist() == ["epoch", "train_loss", "train_edge_loss", "train_sure", "learning_rate"]
    assert table.iloc[-1].tolist() == [2, 3.5, 1.5, 0.5, 0.5]
    loss_axes, metric_axes = draw_learning_curve(table, tmp_path / "metrics.png").axes
    assert [line.get_label() for line in loss_axes.get_lines()] == ["train_loss", "train_edge_loss"]
    assert not metric_axes.get_lines()


def test_of_each_class_only_the_dice_is_drawn(tmp_path):
    names = ["val_dice", "val_paper_mean_dice", "val_glass_dice", "val_glass_paper_mean_dice", "val_glass_mae"]
    table = pd.DataFrame(
        {"epoch": [1, 2], "train_loss": [2.0, 1.0], "learning_rate": [0.1, 0.1]} | {n: [0.1, 0.2] for n in names}
    )
    figure = draw_learning_curve(table, tmp_path / "curve.png", ["glass"])
    assert [line.get_label() for line in figure.axes[1].lines] == names[:3]
