"""The server: federated averaging that refuses broken updates and resumes after the last completed round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from nvflare.apis.fl_constant import FLMetaKey
from nvflare.app_common.abstract.fl_model import FLModel, ParamsType
from nvflare.app_common.aggregators.model_aggregator import ModelAggregator
from nvflare.app_common.workflows.fedavg import FedAvg

from infnet_monai.errors import one_line
from infnet_monai.federated.checks import problem_of_update
from infnet_monai.federated.weights import RoundFiles

__all__ = ["CheckedAverage", "DurableFedAvg"]

METRICS = ("train_loss", "val_dice")


class CheckedAverage(ModelAggregator):
    """Average of the sites' differences, weighted by their steps; an update with a problem is refused in one line.

    Args:
        kept: Names of the tensors that each site keeps for itself.

    Attributes:
        reference: Weights that the sites were sent in this round.
        rows: What each site returned in this round, a row of ``rounds.csv`` each.
    """

    def __init__(self, kept: list[str] | None = None):
        super().__init__()
        self.kept = kept or []
        self.reference: dict[str, NDArray[np.floating]] = {}
        self.rows: list[dict[str, Any]] = []
        self._sum: dict[str, NDArray[np.float64]] = {}
        self._steps = 0.0

    def reset_stats(self) -> None:
        """Begin a round."""
        self.rows, self._sum, self._steps = [], {}, 0.0

    def accept_model(self, model: FLModel) -> None:
        """Add a site's update, or refuse it.

        Args:
            model: What the site sent.
        """
        site, meta = one_line(str(model.meta.get("client_name", "?"))), model.meta
        steps = meta.get(FLMetaKey.NUM_STEPS_CURRENT_ROUND)
        expected = frozenset(self.reference) - set(self.kept)
        problem = problem_of_update(model.params, steps, self.reference, expected)
        if model.params_type != ParamsType.DIFF:
            problem = "expected differences, got whole weights"
        sent = model.metrics if isinstance(model.metrics, dict) else {}
        metrics = {name: sent[name] if isinstance(sent.get(name), float) else float("nan") for name in METRICS}
        self.rows.append({"site": site, "steps": 0 if problem else int(steps), **metrics, "refused": problem})
        if problem:
            self.warning(f"Refused the update of {site}: {problem}; the round continues without it.")
            return
        for name in expected:
            self._sum[name] = self._sum.get(name, 0.0) + float(steps) * model.params[name].astype(np.float64)
        self._steps += float(steps)

    def aggregate_model(self) -> FLModel:
        """Return the mean difference; zero where no update could be used, so that the weights stay."""
        if not self._steps:
            self.warning("No site has sent a usable update in this round; the weights stay.")
        mean = {
            name: (self._sum[name] / self._steps if self._steps else np.zeros_like(array)).astype(np.float32)
            for name, array in self.reference.items()
            if name not in self.kept
        }
        return FLModel(params=mean, params_type=ParamsType.DIFF)


class DurableFedAvg(FedAvg):
    """NVFLARE's federated averaging that starts after the last round whose weights are on disk.

    Whatever ends the server, the same job again trains the rounds that are left, and no more.

    Args:
        num_clients: Number of sites, all of which take part in each round.
        num_rounds: Number of rounds of the whole training.
        kept: Names of the tensors that each site keeps for itself.
        folder: Folder of the rounds' weights and ``rounds.csv``; by default ``infnet`` in the server's workspace.
    """

    def __init__(self, num_clients: int, num_rounds: int, kept: list[str], folder: str = ""):
        super().__init__(
            num_clients=num_clients, num_rounds=num_rounds, persistor_id="", aggregator=CheckedAverage(kept)
        )
        self.kept, self.folder, self.all_rounds = kept, folder, num_rounds

    def run(self) -> None:
        """Train the rounds that are left."""
        self.start_round = self._files().last or 0
        self.num_rounds = max(0, self.all_rounds - self.start_round)
        self.aggregator.fl_ctx = self.fl_ctx
        if self.start_round:
            self.info(f"Resuming after {self.start_round} of {self.all_rounds} rounds.")
        super().run()

    def load_model(self) -> FLModel:
        """Read the weights of the last completed round, those to start from at first."""
        model = FLModel(params=self._files().read(), params_type=ParamsType.FULL)
        self.aggregator.reference = model.params  # the same object, which each round updates
        return model

    def save_model(self, model: FLModel) -> None:
        """Write the table of the rounds, then the weights, whose file makes the round count.

        Args:
            model: The weights after this round.
        """
        self._files().complete(model.params, self.current_round, self.aggregator.rows)

    def _folder(self) -> Path:
        if self.folder:
            return Path(self.folder)
        return Path(self.engine.get_workspace().get_root_dir()) / "infnet"

    def _files(self) -> RoundFiles:
        files = RoundFiles(self._folder())
        if files.last is None:  # the job brings the weights to start from
            job_id = self.fl_ctx.get_job_id()
            files.write(RoundFiles(self.engine.get_workspace().get_app_custom_dir(job_id)).read(), 0)
        return files
