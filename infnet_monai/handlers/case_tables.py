"""Tables of an evaluation: one row a slice, one row a case, and their means."""

from __future__ import annotations

import logging
from pathlib import Path

import ignite.distributed as idist
from ignite.engine import Engine, Events
from monai.utils import is_scalar

from infnet_monai.errors import InputError
from infnet_monai.evaluation.summary import write_case_tables
from infnet_monai.handlers.slice_metrics import SliceMetrics

__all__ = ["CaseTables"]

logger = logging.getLogger(__name__)


class CaseTables:
    """Write ``slices.csv``, ``cases.csv`` and ``summary.json`` of an evaluation; attach it to the evaluator.

    The tables hold what the evaluator's :class:`SliceMetrics` has measured: slices by both protocols (the paper's with
    the prefix ``paper_``, slices with lesion only), cases as whole volumes at threshold 0.5. Undefined metrics (Dice
    of an empty slice predicted empty, sensitivity without lesion, HD95 of pictures, whose spacing is not known) are
    left empty in the CSV and do not enter the means; the summary counts them.

    Args:
        output_dir: Folder of the tables.
        metrics: Key metric of the evaluator, which measures with ``per_case``.

    Raises:
        InputError: The key metric measures without ``per_case``.
    """

    def __init__(self, output_dir: str | Path, metrics: SliceMetrics):
        if not metrics.per_case:
            raise InputError(
                'CaseTables: its SliceMetrics measures no whole cases; give it "per_case": true, in a bundle by '
                '"validate#key_metric#val_dice#per_case": true'
            )
        self.output_dir = Path(output_dir)
        self.metrics = metrics

    def attach(self, engine: Engine) -> None:
        """Write at the end of the evaluation."""
        engine.add_event_handler(Events.COMPLETED, self._write)

    def _write(self, engine: Engine) -> None:
        if idist.get_rank() != 0:
            return
        key_metrics = {name: float(value) for name, value in engine.state.metrics.items() if is_scalar(value)}
        write_case_tables(self.output_dir, self.metrics.cases, self.metrics.metrics, key_metrics)
        logger.info("Wrote slices.csv, cases.csv and summary.json to %s", self.output_dir)
