"""Two gloo ranks on the CPU train together, and evaluate to the metrics of one."""

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from tiny_cases import write_case

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "bundles" / "infnet_efficientnet_lite0" / "configs"
SMALL = ("--image_size", "[32,32]", "--pretrained", "false", "--amp", "false")


def run(target, files, *arguments, ranks=1):
    launcher = [sys.executable, "-m", *(["monai.bundle"] if ranks == 1 else [])]
    if ranks > 1:
        launcher += ["torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks), "-m", "monai.bundle"]
    config_file = str([str(CONFIGS / file) for file in files])
    done = subprocess.run(
        [*launcher, "run", target, "--config_file", config_file, *SMALL, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def empty_label(path):
    label = nib.load(path)
    nib.save(nib.Nifti1Image(np.zeros(label.shape, np.uint8), label.affine), path)


@pytest.mark.slow
def test_two_ranks_train_together_and_evaluate_like_one(tmp_path):
    data = tmp_path / "data"
    cases = [write_case(data, f"case_{k}", seed=k) for k in range(3)]
    empty_label(data / cases[1]["label"])  # the only case of the second rank
    (data / "dataset.json").write_text(json.dumps({"training": cases, "validation": cases, "test": cases}))
    common = ("--dataset_dir", str(data), "--ckpt_dir", str(tmp_path / "models"))
    train = ("--epochs", "1", "--output_dir", str(tmp_path / "train"))
    run("training", ["train.json", "multi_gpu_train.json"], *common, *train, ranks=2)
    assert (tmp_path / "models" / "model.pt").is_file()
    assert pd.read_csv(tmp_path / "train" / "metrics.csv")["epoch"].tolist() == [0, 1]
    evaluate = ["train.json", "evaluate.json"]
    run("evaluating", evaluate, *common, "--output_dir", str(tmp_path / "one"))
    run("evaluating", [*evaluate, "multi_gpu_evaluate.json"], *common, "--output_dir", str(tmp_path / "two"), ranks=2)
    one, two = (json.loads((tmp_path / name / "summary.json").read_text()) for name in ("one", "two"))
    assert one["cases"]["count"] == two["cases"]["count"] == 3
    for section in ("slices", "cases"):
        assert two[section]["mean"] == pytest.approx(one[section]["mean"], abs=1e-6)
    assert two["key_metrics"] == pytest.approx(one["key_metrics"], abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("n_validation", [0, 1])
def test_two_ranks_train_with_fewer_validation_cases_than_ranks(tmp_path, n_validation):
    data = tmp_path / "data"
    case = write_case(data, "case_0")
    (data / "dataset.json").write_text(json.dumps({"training": [case], "validation": [case]}))
    cut = () if n_validation else ("--validate#dataset#data", "[]")
    places = ("--ckpt_dir", str(tmp_path / "models"), "--output_dir", str(tmp_path / "train"))
    run(
        "training",
        ["train.json", "multi_gpu_train.json"],
        *("--dataset_dir", str(data), "--epochs", "1", *places, *cut),
        ranks=2,
    )
    assert (tmp_path / "models" / "model.pt").is_file()
    assert ("val_dice" in pd.read_csv(tmp_path / "train" / "metrics.csv")) == bool(n_validation)


def read_json(path):
    return json.loads(path.read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    "overlays", [("train_best", "multi_gpu_train"), ("multi_gpu_train", "train_best")], ids="+".join
)
def test_two_ranks_keep_the_averaged_weights_that_they_validated(overlays, tmp_path):
    """The score recorded for the best epoch is that of model.pt, evaluated by one process."""
    data = tmp_path / "data"
    cases = [write_case(data, f"case_{k}", seed=k) for k in range(5)]
    (data / "dataset.json").write_text(json.dumps({"training": cases[:3], "validation": cases[2:]}))
    common = ("--dataset_dir", str(data), "--ckpt_dir", str(tmp_path / "models"), "--network_def#backbone", "resnet18")
    train = ("--epochs", "3", "--val_interval", "2", "--average_momentum", "0.5")
    common_train = (*common, *train, "--output_dir", str(tmp_path / "train"))
    run("training", [f"{name}.json" for name in ("train", *overlays)], *common_train, ranks=2)
    evaluate = ("--section", "validation", "--output_dir", str(tmp_path / "one"))
    run("evaluating", ["train.json", "evaluate.json"], *common, *evaluate)
    curve = pd.read_csv(tmp_path / "train" / "metrics.csv")
    assert curve["val_dice"].notna().tolist() == [True, False, True, True]
    best = read_json(tmp_path / "train" / "run.json")["best_val_dice"]
    assert best == pytest.approx(curve["val_dice"][1:].max())
    metrics = read_json(tmp_path / "one" / "summary.json")["key_metrics"]
    assert metrics["val_dice"] == pytest.approx(best, abs=1e-6)
    assert metrics["val_paper_mean_dice"] > 0
    assert metrics.pop("val_hd95_mm") is not None  # computed in evaluations only
    (row,) = [row for _, row in curve.iterrows() if row["val_dice"] == pytest.approx(best) and row["epoch"] > 0][:1]
    assert metrics == pytest.approx({name: row[name] for name in metrics}, abs=1e-6)


@pytest.mark.slow
def test_fewer_cases_than_ranks_are_not_evaluated(tmp_path):
    data = tmp_path / "data"
    case = write_case(data, "case_0")
    (data / "dataset.json").write_text(json.dumps({"training": [case], "test": [case]}))
    with pytest.raises(AssertionError, match="1 cases for 2 processes: start at most one for each case"):
        run(
            "evaluating",
            ["train.json", "evaluate.json", "multi_gpu_evaluate.json"],
            *("--dataset_dir", str(data), "--output_dir", str(tmp_path)),
            ranks=2,
        )


@pytest.mark.slow
def test_two_ranks_train_by_consistency(tmp_path):
    cases = [write_case(tmp_path / "data", f"case_{k}", seed=k) for k in range(2)]
    (tmp_path / "data" / "dataset.json").write_text(json.dumps({"training": cases, "validation": cases}))
    write_case(tmp_path / "unlabelled", "scan", seed=7)
    run(
        "training",
        ["train.json", "train_best.json", "train_semi.json", "multi_gpu_train.json"],
        *("--dataset_dir", str(tmp_path / "data"), "--unlabelled_dir", str(tmp_path / "unlabelled" / "images")),
        *("--ckpt_dir", str(tmp_path / "models"), "--output_dir", str(tmp_path / "train")),
        *("--network_def#backbone", "resnet18", "--epochs", "2", "--warmup_epochs", "0"),
        *("--confident_above", "0.51", "--confident_below", "0.49"),
        ranks=2,
    )
    assert (tmp_path / "models" / "model.pt").is_file()
    assert pd.read_csv(tmp_path / "train" / "metrics.csv")["train_unlabelled_loss"].iloc[-1] > 0
