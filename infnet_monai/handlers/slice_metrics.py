"""All metrics of a validation or an evaluation, each computed once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.utils import CommonKeys

from infnet_monai.data.slice_dataset import case_of
from infnet_monai.errors import InputError
from infnet_monai.evaluation.cases import CaseMetrics, mean_over_lesion_slices, measure_case
from infnet_monai.label_scheme import BINARY, LabelScheme
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

    Of several classes each is measured over the slices whose reference holds it: ``val_consolidation_dice`` and so on.
    ``val_dice`` and the others without a class are then the means over the classes for which they are defined.

    Args:
        prefix: Put before each metric's name.
        per_case: Whether to measure slices without lesion and whole volumes too, for
            :class:`infnet_monai.handlers.CaseTables`, and metrics that are too costly for every validation (HD95).
        scheme: The classes of the channels.

    Attributes:
        cases: What was measured in the last run, one for each case and class, in the end of all ranks.
    """

    def __init__(self, prefix: str = "val_", per_case: bool = False, scheme: LabelScheme = BINARY):
        self.prefix = prefix
        self.per_case = per_case
        self.scheme = scheme
        self.metrics = tuple(metric for metric in select_metrics(printed=True) if per_case or not metric.costly)
        self.cases: list[CaseMetrics] = []
        self._warned = False

    def attach(self, engine: Engine, name: str) -> None:
        """Measure after each iteration, take the means at the end of the epoch.

        Args:
            engine: Evaluator whose decollated output holds ``image``, and ``pred`` and ``label`` (C, H, W, D).
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
        self.cases += [case for item in engine.state.output for case in self._measure_item(item)]

    def _measure_item(self, item: Mapping[str, Any]) -> list[CaseMetrics]:
        case = case_of(item[CommonKeys.IMAGE].meta)
        pred, label = item[CommonKeys.PRED], item[CommonKeys.LABEL]
        measured = []
        for order, one in enumerate(self.scheme):
            channel = slice(order, order + 1)
            found = measure_case(pred[channel], label[channel], case, self.metrics, self.per_case)
            measured.append(replace(found, lesion_class="" if self.scheme.is_single else one.column))
        return measured

    def _summarise(self, engine: Engine) -> None:
        self.cases = _of_all_ranks([case.cpu() for case in self.cases])
        engine.state.metrics.update({f"{self.prefix}{column}": value for column, value in self._means().items()})
        if not self._warned and not any(any(case.lesion) for case in self.cases) and idist.get_rank() == 0:
            self._warned = True
            logger.warning(
                "None of the %d evaluated cases has a slice with lesion: their metrics are undefined (nan). "
                "Add a case with lesion to this section.",
                len(self.cases),
            )

    def _means(self) -> dict[str, float]:
        """Return the means over the slices with lesion; of several classes the mean of each after that over them."""
        if self.scheme.is_single:
            return mean_over_lesion_slices(self.cases, self.metrics)
        by_class = {
            one.column: mean_over_lesion_slices(
                [case for case in self.cases if case.lesion_class == one.column], self.metrics
            )
            for one in self.scheme
        }
        columns = [metric.column for metric in self.metrics]
        over = {
            name: torch.tensor([means[name] for means in by_class.values()], dtype=torch.float64).nanmean().item()
            for name in columns
        }
        return over | {f"{lesion}_{name}": value for lesion, means in by_class.items() for name, value in means.items()}


def _of_all_ranks(cases: list[CaseMetrics]) -> list[CaseMetrics]:
    if idist.get_world_size() == 1:
        return cases
    joined: list[Sequence[CaseMetrics]] = [[] for _ in range(idist.get_world_size())]
    torch.distributed.all_gather_object(joined, cases)
    return [case for rank in joined for case in rank]
