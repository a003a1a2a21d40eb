import json
import time
from datetime import datetime
from pathlib import Path

import pytest
import torch

from infnet_monai import __version__
from infnet_monai.run_record import RunRecord, StageTimer


def test_a_stage_entered_again_adds_up_and_counts_failures():
    timer = StageTimer()

    with timer.stage("read"):
        time.sleep(0.02)
    with pytest.raises(ZeroDivisionError), timer.stage("read"):
        time.sleep(0.02 / 0)
    with timer.stage("read"):
        time.sleep(0.02)
    with timer.stage("write"):
        pass

    assert list(timer.seconds) == ["read", "write"]
    assert timer.seconds["read"] >= 0.04 > timer.seconds["write"]


def test_a_record_holds_what_a_result_depends_on(tmp_path):
    weights = tmp_path / "model.pt"
    weights.write_bytes(b"abc")
    record = RunRecord("cpu", weights, bundle="infnet_vgg16", inputs=[Path("scans")])
    with record.timer.stage("network"):
        pass

    content = json.loads(record.write(tmp_path / "out" / "run.json").read_text())

    assert content["bundle"] == "infnet_vgg16"
    assert content["inputs"] == ["scans"]
    assert content["weights"]["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert content["device"]["device"] == "cpu"
    assert content["device"]["threads"] == torch.get_num_threads()
    assert content["versions"]["infnet_monai"] == __version__
    assert {"python", "torch", "monai", "timm", "numpy"} <= set(content["versions"])
    assert list(content["seconds"]) == ["network"]
    assert datetime.fromisoformat(content["started"]) <= datetime.fromisoformat(content["ended"])


def test_a_record_without_weights_says_so():
    assert RunRecord("cpu").as_dict()["weights"] is None
