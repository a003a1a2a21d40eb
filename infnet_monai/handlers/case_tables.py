"""Tables of an evaluation: one row a slice, one row a case, and their means."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import pandas as pd
import torch
from ignite.engine import Engine, Events
from torch import Tensor

from infnet_monai.data.slice_dataset import case_name
from infnet_monai.handlers.paper_figures import TABLE_FIGURES
from infnet_monai.metrics import CLINICAL_MEASURES, PAPER_MEASURES, clinical_measures, paper_measures
from infnet_monai.metrics.clinical import CLINICAL_THRESHOLD

__all__ = ["CaseTables"]

logger = logging.getLogger(__name__)


class CaseTables:
    """Write ``slices.csv``, ``cases.csv`` and ``summary.json`` of an evaluation; attach it to the evaluator.

    Undefined measures (Dice of an empty slice predicted empty, sensitivity without lesion) are left empty in the CSV
    and do not enter the means; the summary counts them.

    Args:
        output_dir: Folder of the tables.
    """

    def __init__(self, output_dir: str | Path):
        self.output_dir = Path(output_dir)
        self.slices: list[dict[str, object]] = []
        self.cases: list[dict[str, object]] = []

    def attach(self, engine: Engine) -> None:
        """Collect after iterations, write at the end."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.COMPLETED, self._write)

    def _start(self, engine: Engine) -> None:
        self.slices, self.cases = [], []

    def _collect(self, engine: Any) -> None:
        for item in engine.state.output:
            prediction, reference = item["pred"].as_tensor().clamp(0, 1), item["label"].as_tensor()
            case = case_name(item["image"].meta["filename_or_obj"])
            names = [f"{case}, slice {k + 1}" for k in range(reference.shape[-1])]
            by_slice = measures(prediction.movedim(-1, 0), reference.movedim(-1, 0), names, paper=True)
            self.slices += [{"case": case, "slice": k + 1, **row} for k, row in enumerate(by_slice)]
            self.cases += [{"case": case, **measures(prediction[None], reference[None], [case], paper=False)[0]}]

    def _write(self, engine: Engine) -> None:
        slices, cases = _gathered(self.slices), _gathered(self.cases)
        if idist.get_rank() != 0:
            return
        self.output_dir.mkdir(parents=True, exist_ok=True)
        metrics = {name: _number(value) for name, value in engine.state.metrics.items()}
        summary = {"threshold": CLINICAL_THRESHOLD, "key_metrics": metrics}
        for name, rows in (("slices", slices), ("cases", cases)):
            table = pd.DataFrame(rows)
            table.to_csv(self.output_dir / f"{name}.csv", index=False)
            values = table.drop(columns=["case", "slice"], errors="ignore")
            summary[name] = {
                "count": len(table),
                "mean": {column: _number(mean) for column, mean in values.mean().items()},
                "undefined": {column: int(count) for column, count in values.isna().sum().items()},
            }
        (self.output_dir / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
        logger.info("Wrote slices.csv, cases.csv and summary.json to %s", self.output_dir)


def measures(prediction: Tensor, reference: Tensor, names: list[str], paper: bool) -> list[dict[str, float]]:
    """Compute one row of measures for each image of a batch.

    Args:
        prediction: Probabilities ``(B, 1, ...)``.
        reference: Masks of 0 and 1, same shape.
        names: Names of the images, for error messages.
        paper: Add the figures of the paper's protocol where the reference is not empty (slices only).

    Returns:
        For each image the measures at threshold 0.5 and, with the prefix ``paper_``, the table's figures; NaN where a
        measure is undefined.
    """
    values = clinical_measures(prediction, reference, names=names).tolist()
    rows = [dict(zip(CLINICAL_MEASURES, row, strict=True)) for row in values]
    lesion = reference.flatten(1).any(dim=1).nonzero().flatten().tolist() if paper else []
    for k in lesion:
        figures = dict(
            zip(PAPER_MEASURES, paper_measures(prediction[k : k + 1], reference[k : k + 1]).values[0], strict=True)
        )
        rows[k] |= {f"paper_{name}": float(figures[name]) for name in TABLE_FIGURES}
    return rows


def _gathered(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Join the rows of all ranks."""
    if idist.get_world_size() == 1:
        return rows
    joined: list[list[dict[str, object]]] = [[] for _ in range(idist.get_world_size())]
    torch.distributed.all_gather_object(joined, rows)
    return [row for rank in joined for row in rank]


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
