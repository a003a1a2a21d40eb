import json
import logging
import math

import numpy as np
import pandas as pd
import pytest
import torch
import torch.distributed as dist
from ignite.engine import Engine
from monai.data import MetaTensor
from monai.engines import SupervisedEvaluator
from monai.handlers import ConfusionMatrix, MeanAbsoluteError, MeanDice
from torch.utils.data import DataLoader

from infnet_monai.errors import InputError
from infnet_monai.evaluation.map_folders import evaluate_map_folders
from infnet_monai.evaluation.metric_tables import table_row
from infnet_monai.handlers import CaseTables, SliceMetrics, lesion_slices, slices
from infnet_monai.metrics import Metric, compute_metrics, paper_metrics, select_metrics, table
from infnet_monai.metrics import images as images_module

AFFINE = torch.diag(torch.tensor([2.0, 0.5, 6.0, 1.0]))


def volume(values, name="case_1.nii.gz"):
    """A (1, 1, 4, D) volume from one list of four values a slice."""
    meta = {"filename_or_obj": name}
    return MetaTensor(torch.tensor(values).float().T.reshape(1, 1, 4, -1), affine=AFFINE, meta=meta)


ITEM = {
    "image": volume([[0, 0, 0, 0]] * 3),
    "pred": volume([[0.9, 0.8, 0.1, 0.1], [0.2, 0.2, 0.2, 0.2], [0.5, 0.1, 0.6, 0.0]]),
    "label": volume([[1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]]).to(torch.uint8),
}
HEALTHY = ITEM | {"label": volume([[0, 0, 0, 0]] * 3).to(torch.uint8)}


def random_items(count, seed=0):
    """Volumes (1, 9, 11, 6) with lesions in every other slice, predictions a little out of [0, 1]."""
    rng = np.random.default_rng(seed)
    items = []
    for k in range(count):
        label, pred = np.zeros((1, 9, 11, 6)), rng.uniform(-1e-7, 1 + 1e-7, (1, 9, 11, 6))
        label[..., ::2] = rng.random((1, 9, 11, 3)) > 0.6
        meta = {"filename_or_obj": f"case_{k}.nii.gz"}
        made = {"image": label, "pred": pred, "label": label}
        items.append({key: MetaTensor(torch.tensor(made[key]).float(), meta=dict(meta)) for key in made})
    return items


def evaluate(items, metrics, tables=None):
    """Run an evaluator whose output are the items, one in each iteration."""
    evaluator = Engine(lambda engine, batch: batch)
    evaluator.state.metrics = {}
    metrics.attach(evaluator, "val_dice")
    if tables is not None:
        CaseTables(tables, metrics).attach(evaluator)
    evaluator.run([[item] for item in items] or [[]])
    return evaluator.state.metrics


def test_volumes_are_cut_into_slices():
    predictions, references = slices(0.5)([ITEM])
    assert [p.flatten().tolist() for p in predictions] == [[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]]
    assert references[2].flatten().tolist() == [1, 0, 1, 0]
    assert len(lesion_slices()([ITEM])[0]) == 2
    assert lesion_slices()([ITEM])[0][0].flatten()[1] == pytest.approx(0.8)


def test_tables_hold_slices_cases_and_means(tmp_path):
    evaluate([ITEM], SliceMetrics(per_case=True), tmp_path)
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
    assert "paper_mean_dice" not in by_case
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["threshold"] == 0.5
    assert summary["lesion_slices"] == 2
    assert summary["slices"]["undefined"]["dice"] == 1
    assert summary["slices"]["mean"]["dice"] == pytest.approx((2 / 3 + 1) / 2)
    assert summary["cases"]["count"] == 1
    assert summary["key_metrics"]["val_dice"] == pytest.approx((2 / 3 + 1) / 2)


def test_hd95_is_in_mm_by_the_spacing_of_the_label(tmp_path):
    found = evaluate([ITEM], SliceMetrics(per_case=True), tmp_path)
    by_slice, by_case = pd.read_csv(tmp_path / "slices.csv"), pd.read_csv(tmp_path / "cases.csv")
    # slice 1: the second of two predicted pixels is 0.5 mm from the lesion; 95th percentile of 0 and 0.5
    assert by_slice["hd95_mm"].tolist()[::2] == pytest.approx([0.475, 0])
    assert by_slice["hd95_mm"].isna().tolist() == [False, True, False]
    assert by_case["hd95_mm"].tolist() == pytest.approx([0.85 * 0.5])  # of 0, 0, 0 and 0.5
    assert found["val_hd95_mm"] == pytest.approx(0.475 / 2)


def test_hd95_of_pictures_is_undefined(tmp_path):
    picture = {key: image.clone() for key, image in ITEM.items()}
    picture["label"].meta["spacing_known"] = False
    evaluate([picture], SliceMetrics(per_case=True), tmp_path)
    assert pd.read_csv(tmp_path / "slices.csv")["hd95_mm"].isna().all()
    assert pd.read_csv(tmp_path / "cases.csv")["hd95_mm"].isna().all()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["key_metrics"]["val_hd95_mm"] is None


def test_metrics_of_the_paper_join_the_evaluator_at_each_run():
    evaluator = Engine(lambda engine, batch: [ITEM])
    SliceMetrics().attach(evaluator, "val_dice")
    for _ in range(2):
        evaluator.run([0])
    predictions, references = lesion_slices()([ITEM])
    expected = paper_metrics(torch.stack(predictions), torch.stack(references)).values.mean(dim=0)
    values = dict(zip([metric.name for metric in select_metrics("paper")], expected.tolist(), strict=True))
    found = evaluator.state.metrics
    assert found["val_paper_mean_dice"] == pytest.approx(values["mean_dice"])
    assert found["val_paper_s_measure"] == pytest.approx(values["s_measure"])
    assert sum(name.startswith("val_paper_") for name in found) == 6


@pytest.mark.parametrize("per_case", [False, True])
def test_values_are_those_of_the_metrics_of_monai(per_case, tmp_path):
    items = random_items(3)
    evaluator = Engine(lambda engine, item: [item])
    binary = lesion_slices(0.5)
    MeanDice(output_transform=binary).attach(evaluator, "dice")
    for name in ("sensitivity", "specificity", "precision"):
        metric = ConfusionMatrix(metric_name=name, compute_sample=True, output_transform=binary)
        metric.attach(evaluator, name)
    MeanAbsoluteError(output_transform=lesion_slices()).attach(evaluator, "mae")
    SliceMetrics(per_case=per_case).attach(evaluator, "val_dice")
    evaluator.run(items)
    found = evaluator.state.metrics
    for name in ("dice", "sensitivity", "specificity", "precision", "mae"):
        assert found[f"val_{name}"] == pytest.approx(float(found[name]), abs=1e-6), name


def test_a_monai_evaluator_takes_it_as_its_key_metric():
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(range(1)),
        network=torch.nn.Identity(),
        iteration_update=lambda engine, batch: [ITEM],
        key_val_metric={"val_dice": SliceMetrics()},
        decollate=False,
    )
    evaluator.run()
    assert evaluator.state.key_metric_name == "val_dice"
    assert evaluator.state.best_metric == pytest.approx((2 / 3 + 1) / 2)
    assert evaluator.state.metrics["val_mae"] == pytest.approx((1.1 / 4 + 1.0 / 4) / 2)
    assert "val_hd95_mm" not in evaluator.state.metrics  # too costly for every validation


def test_every_metric_is_computed_once(monkeypatch, tmp_path):
    calls = []

    def counted(name):
        original = getattr(images_module, name)
        return lambda *args: calls.append((name, len(args[0]))) or original(*args)

    for name in ("counts_over_thresholds", "counts_at", "part_sums", "absolute_errors"):
        monkeypatch.setattr(images_module, name, counted(name))
    evaluate([ITEM], SliceMetrics(), None)
    # two slices with lesion: thresholds and parts once, counts at 0.5 and at the adaptive threshold
    assert sorted(calls) == [
        ("absolute_errors", 2),
        *[("counts_at", 2)] * 2,
        ("counts_over_thresholds", 2),
        ("part_sums", 2),
    ]


def test_no_slice_with_lesion_gives_nan_and_one_warning(tmp_path, caplog):
    metrics = SliceMetrics(per_case=True)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            found = evaluate([HEALTHY], metrics, tmp_path)
    assert all(math.isnan(value) for value in found.values())
    assert {"val_dice", "val_paper_mean_dice"} < set(found)
    assert [record.message for record in caplog.records if "slice with lesion" in record.message] == [
        "None of the 1 evaluated cases has a slice with lesion: their metrics are undefined (nan). "
        "Add a case with lesion to this section."
    ]
    assert pd.read_csv(tmp_path / "slices.csv")["specificity"].round(4).tolist() == [0.5, 1, 0.5]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["key_metrics"]["val_dice"] is None
    assert summary["lesion_slices"] == 0


def test_misuse_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such metric; expected one of val_dice, "):
        SliceMetrics().attach(Engine(lambda engine, batch: []), "val_auc")
    with pytest.raises(InputError, match="per_case"):
        CaseTables(tmp_path, SliceMetrics())


def test_a_row_of_the_table_is_all_that_a_new_metric_needs(monkeypatch, tmp_path):
    row = Metric(
        "volume_difference", "Vol.", "clinical", lambda images: (images.counts.fp - images.counts.fn)[:, 0], unit="px"
    )
    monkeypatch.setattr(table, "METRICS", (*table.METRICS, row))
    found = evaluate([ITEM], SliceMetrics(per_case=True), tmp_path)
    assert found["val_volume_difference"] == 0.5  # one false positive in one of two slices
    assert pd.read_csv(tmp_path / "slices.csv")["volume_difference"].tolist() == [1, 0, 0]
    assert pd.read_csv(tmp_path / "cases.csv")["volume_difference"].tolist() == [1]
    for folder in ("maps", "masks"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "a.npy", np.eye(4) if folder == "masks" else np.ones((4, 4)))
    evaluation = evaluate_map_folders(tmp_path / "maps", tmp_path / "masks", "clinical")
    assert evaluation.table["volume_difference"].tolist() == [12]
    head, values = table_row(evaluation.summary, "clinical").splitlines()
    assert head.endswith("Vol. (px)")
    assert values.endswith("12.000")


def test_a_row_that_gives_a_wrong_shape_is_named():
    row = Metric("wrong", "", "clinical", lambda images: images.counts.tp)
    pair = torch.zeros(2, 1, 3, 3), torch.zeros(2, 1, 3, 3)
    with pytest.raises(ValueError, match=r"metric 'wrong': gave shape \(2, 1\), expected \(2,\)"):
        compute_metrics(images_module.ImagePairs(*pair), [row])


def _evaluate_on_rank(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    found = evaluate(random_items(3) if rank == 0 else [], SliceMetrics(per_case=True), f"{folder}/tables")
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_of_which_one_has_no_case_agree_with_one(tmp_path):
    torch.multiprocessing.spawn(_evaluate_on_rank, args=(str(tmp_path),), nprocs=2)
    alone = evaluate(random_items(3), SliceMetrics(per_case=True), tmp_path / "alone")
    for rank in range(2):
        assert torch.load(tmp_path / f"{rank}.pt") == pytest.approx(alone, abs=1e-12, nan_ok=True)
    for name in ("slices.csv", "cases.csv"):
        assert (tmp_path / "tables" / name).read_text() == (tmp_path / "alone" / name).read_text()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_values_are_the_same():
    on_gpu = [{key: image.cuda() for key, image in item.items()} for item in random_items(2)]
    found = evaluate(on_gpu, SliceMetrics(per_case=True))
    assert found == pytest.approx(evaluate(random_items(2), SliceMetrics(per_case=True)), abs=1e-9)
