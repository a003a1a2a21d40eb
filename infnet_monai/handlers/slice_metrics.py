"""All metrics of a validation or an evaluation, each computed once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.utils import CommonKeys

from infnet_monai.data.slice_dataset import case_of
from infnet_monai.errors import InputError
from infnet_monai.evaluation.cases import CaseMetrics, mean_over_lesion_slices, measure_case
from infnet_monai.metrics import select_metrics

__all__ = ["SliceMetrics"]

logger = logging.getLogger(__name__)


class SliceMetrics:
    """Metrics of every slice with lesion; their means become the evaluator's metrics.

    Give it to a MONAI evaluator as its key metric, under the name of the metric that chooses the best model::

        "key_metric": {"val_dice": {"_target_": "infnet_monai.handlers.SliceMetrics"}}

    The evaluator's state then holds, besides ``val_dice``, all other rows of the table of metrics that have a heading:
    ``val_sensitivity``, ``val_paper_mean_dice`` and so on. Those of the clinical protocol are of the probability map
    as it is, binarised at 0.5; those of the paper's protocol have the prefix ``paper_``. MONAI's own metrics can join
    them as additional metrics of :func:`infnet_monai.handlers.lesion_slices`. Over a section without any
    lesion they are all NaN, with one warning. The slices of several ranks are gathered before the means are taken.

    Args:
        prefix: Put before each metric's name.
        per_case: Whether to measure slices without lesion and whole volumes too, for
            :class:`infnet_monai.handlers.CaseTables`, and metrics that are too costly for every validation (HD95).

    Attributes:
        cases: What was measured in the last run, in the end of all ranks.
    """

    def __init__(self, prefix: str = "val_", per_case: bool = False):
        self.prefix = prefix
        self.per_case = per_case
        self.metrics = tuple(metric for metric in select_metrics(printed=True) if per_case or not metric.costly)
        self.cases: list[CaseMetrics] = []
        self._warned = False

    def attach(self, engine: Engine, name: str) -> None:
        """Measure after each iteration, take the means at the end of the epoch.

        Args:
            engine: Evaluator whose decollated output holds ``image``, ``pred`` and ``label``, (1, H, W, D).
            name: Name of the key metric.

        Raises:
            InputError: There is no such metric.
        """
        names = [f"{self.prefix}{metric.column}" for metric in self.metrics]
        if name not in names:
            raise InputError(
                f"key metric {name!r}: SliceMetrics has no such metric; expected one of {', '.join(names)}"
            )
        engine.add_event_handler(Events.STARTED, self._reset)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._measure)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._summarise)

    def _reset(self, engine: Engine) -> None:
        self.cases = []

    def _measure(self, engine: Any) -> None:
        self.cases += [self._measure_item(item) for item in engine.state.output]

    def _measure_item(self, item: Mapping[str, Any]) -> CaseMetrics:
        case = case_of(item[CommonKeys.IMAGE].meta)
        return measure_case(item[CommonKeys.PRED], item[CommonKeys.LABEL], case, self.metrics, self.per_case)

    def _summarise(self, engine: Engine) -> None:
        self.cases = _of_all_ranks([case.cpu() for case in self.cases])
        means = mean_over_lesion_slices(self.cases, self.metrics)
        engine.state.metrics.update({f"{self.prefix}{column}": value for column, value in means.items()})
        if not self._warned and not any(any(case.lesion) for case in self.cases) and idist.get_rank() == 0:
            self._warned = True
            logger.warning(
                "None of the %d evaluated cases has a slice with lesion: their metrics are undefined (nan). "
                "Add a case with lesion to this section.",
                len(self.cases),
            )


def _of_all_ranks(cases: list[CaseMetrics]) -> list[CaseMetrics]:
    if idist.get_world_size() == 1:
        return cases
    joined: list[Sequence[CaseMetrics]] = [[] for _ in range(idist.get_world_size())]
    torch.distributed.all_gather_object(joined, cases)
    return [case for rank in joined for case in rank]
