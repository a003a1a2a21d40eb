"""Two gloo ranks on the CPU train together, and evaluate to the metrics of one."""

import json
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.slow
def test_two_ranks_train_together_and_evaluate_like_one(tmp_path):
    data = tmp_path / "data"
    cases = [write_case(data, f"case_{k}", seed=k) for k in range(3)]
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
