"""Files that a bundle's training and evaluation leave behind, without training anything."""

import json

import numpy as np
import pandas as pd

from infnet_monai.comparison.results import key_metric
from infnet_monai.evaluation.summary import EvaluationSummary, TableSummary
from infnet_monai.metrics import select_metrics


def write_training(folder, epochs=2, finished=True):
    """A training that has come to an epoch."""
    for name in ("models", "training"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "models" / "last.pth").write_bytes(b"state")
    (folder / "models" / "model.pt").write_bytes(b"weights")
    curve = pd.DataFrame({"epoch": range(epochs + 1)})
    curve = curve.assign(train_loss=3.0 - curve["epoch"], val_dice=0.1, val_paper_mean_dice=0.2)
    curve.to_csv(folder / "training" / "metrics.csv", index=False)
    if finished:
        (folder / "training" / "run.json").write_text(json.dumps({"encoder_weights": "random"}))


def write_evaluation(folder, value=0.5, lesion_slices=4, cases=("case_3",)):
    """An evaluation whose metrics all have one value."""
    (folder / "test" / "examples").mkdir(parents=True, exist_ok=True)
    key_metrics = {key_metric(metric.column): value for metric in select_metrics(printed=True)}
    table = TableSummary(lesion_slices + 1, {}, {})
    EvaluationSummary(key_metrics, lesion_slices, slices=table, cases=table).write(folder / "test")
    mask = np.zeros((20, 16), bool)
    mask[5:12, 4:9] = True
    for case in cases:
        np.savez_compressed(
            folder / "test" / "examples" / f"{case}.npz",
            name=case,
            image=np.full(mask.shape, 90, np.uint8),
            reference=mask,
            prediction=np.roll(mask, 2, axis=0),
            spacing_mm=[1.0, 1.5],
        )


class FakeBundles:
    """Stands in for the child processes; notes the commands, and fails for the methods in ``broken``."""

    def __init__(self):
        self.commands = []
        self.broken = set()
        self.values = {}

    def __call__(self, command, log, poll, lock):
        self.commands.append(command)
        folder = log.parent
        method = folder.parent.name
        with log.open("a") as stream:
            stream.write("\n$ command\nError: out of memory\nbye\n")
        if method in self.broken:
            return 1
        if "training" in command:
            write_training(folder)
        else:
            write_evaluation(folder, self.values.get(method, 0.5))
        poll()
        return 0
