import json
import math

import pandas as pd
import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from monai.handlers import MeanDice

from infnet_monai.handlers import CaseTables, PaperFigures, UndefinedWithoutLesion, lesion_slices, slices
from infnet_monai.metrics import PAPER_MEASURES, paper_measures


def volume(values, name="case_1.nii.gz"):
    """A (1, 1, 4, D) volume from one list of four values a slice."""
    return MetaTensor(torch.tensor(values).float().T.reshape(1, 1, 4, -1), meta={"filename_or_obj": name})


ITEM = {
    "image": volume([[0, 0, 0, 0]] * 3),
    "pred": volume([[0.9, 0.8, 0.1, 0.1], [0.2, 0.2, 0.2, 0.2], [0.5, 0.1, 0.6, 0.0]]),
    "label": volume([[1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]]),
}


def test_volumes_are_cut_into_slices():
    predictions, references = slices(0.5)([ITEM])
    assert [p.flatten().tolist() for p in predictions] == [[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]]
    assert references[2].flatten().tolist() == [1, 0, 1, 0]
    assert len(lesion_slices()([ITEM])[0]) == 2
    assert lesion_slices()([ITEM])[0][0].flatten()[1] == pytest.approx(0.8)


def test_tables_hold_slices_cases_and_means(tmp_path):
    evaluator = Engine(lambda engine, batch: [ITEM])
    CaseTables(tmp_path).attach(evaluator)
    evaluator.state.metrics = {}
    evaluator.run([0])
    by_slice, by_case = pd.read_csv(tmp_path / "slices.csv"), pd.read_csv(tmp_path / "cases.csv")
    assert by_slice["case"].tolist() == ["case_1"] * 3
    assert by_slice["slice"].tolist() == [1, 2, 3]
    assert by_slice["dice"].round(4).tolist()[::2] == [0.6667, 1.0]
    assert by_slice["dice"].isna().tolist() == [False, True, False]
    assert by_slice["sensitivity"].isna().sum() == 1
    assert by_slice["specificity"].round(4).tolist() == [0.6667, 1, 1]
    assert by_case["dice"].tolist() == pytest.approx([6 / 7])
    assert by_case["mae"].tolist() == pytest.approx([(0.1 + 0.8 + 0.1 + 0.1 + 0.8 + 0.5 + 0.1 + 0.4) / 12])
    assert by_slice["paper_mean_dice"].isna().tolist() == [False, True, False]
    assert 0.5 < by_slice["paper_mean_dice"][2] <= 1
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["slices"]["undefined"]["dice"] == 1
    assert summary["slices"]["mean"]["dice"] == pytest.approx((2 / 3 + 1) / 2)
    assert summary["cases"]["count"] == 1


def test_paper_figures_join_the_metrics_at_each_run():
    evaluator = Engine(lambda engine, batch: [ITEM])
    PaperFigures("val_").attach(evaluator)
    for _ in range(2):
        evaluator.run([0])
    maps, masks = lesion_slices()([ITEM])
    expected = paper_measures(torch.stack(maps), torch.stack(masks)).values.mean(dim=0)
    figures = dict(zip(PAPER_MEASURES, expected.tolist(), strict=True))
    assert evaluator.state.metrics["val_mean_dice"] == pytest.approx(figures["mean_dice"])
    assert evaluator.state.metrics["val_s_measure"] == pytest.approx(figures["s_measure"])
    assert len(evaluator.state.metrics) == 6


HEALTHY = ITEM | {"label": volume([[0, 0, 0, 0]] * 3)}


def test_without_a_lesion_the_slices_are_one_pair_of_nan():
    predictions, references = lesion_slices(0.5)([HEALTHY])
    assert len(predictions) == len(references) == 1
    assert predictions[0].isnan().all()
    assert len(lesion_slices(0.5)([HEALTHY, ITEM])[0]) == 2


@pytest.mark.parametrize(("items", "defined"), [([HEALTHY], False), ([HEALTHY, ITEM], True), ([ITEM], True)])
def test_metrics_are_undefined_with_a_warning_where_no_case_has_a_lesion(items, defined, tmp_path, caplog):
    evaluator = Engine(lambda engine, batch: [batch])
    evaluator.state.metric_details = {}
    MeanDice(output_transform=lesion_slices(0.5)).attach(evaluator, "val_dice")
    PaperFigures("val_").attach(evaluator)
    UndefinedWithoutLesion().attach(evaluator)
    CaseTables(tmp_path).attach(evaluator)
    evaluator.run(items)
    metrics = evaluator.state.metrics
    assert len(metrics) == 7
    if defined:
        assert metrics["val_dice"] == pytest.approx((2 / 3 + 1) / 2)
        assert not any(math.isnan(value) for value in metrics.values())
    else:
        assert all(math.isnan(value) for value in metrics.values())
    assert ("No slice of these cases has a lesion" in caplog.text) != defined
    summary = json.loads((tmp_path / "summary.json").read_text(), parse_constant=pytest.fail)
    assert (summary["key_metrics"]["val_dice"] is None) != defined
