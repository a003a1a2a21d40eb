"""A federated training on one machine, a process a site, beside central and single-site training."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infnet_monai.data.datalist import DATALIST_NAME, load_datalist
from infnet_monai.errors import InputError
from infnet_monai.federated.job import ALLOWED_CLASSES, starting_weights, write_job
from infnet_monai.federated.plan import FederatedPlan, SitePlaces
from infnet_monai.federated.report import write_report
from infnet_monai.federated.weights import RoundFiles
from infnet_monai.files import write_json
from infnet_monai.stage import hold_lock
from infnet_monai.training.child import WorkflowFailed, last_words, run_child
from infnet_monai.training.progress import stage_bar

__all__ = ["Simulation"]

logger = logging.getLogger(__name__)

PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class Simulation:
    """A federated training in NVFLARE's simulator, and what it is compared with; run again, it resumes.

    Args:
        plan: What all sites agree on.
        sites: Folders of the sites' data sets by the sites' names.
        output_dir: Folder of everything that is written.
        compare: Whether central and single-site trainings are done, too.
    """

    plan: FederatedPlan
    sites: Mapping[str, Path]
    output_dir: Path
    compare: bool = True

    def run(self) -> Path:
        """Do what is not done yet.

        Returns:
            The page that sets the trainings side by side.

        Raises:
            InputError: A data set cannot be used, or the folder holds a training by other options.
            WorkflowFailed: A process ended with an error.
        """
        with self._locked() as lock:
            self._claim()
            kept = starting_weights(self.plan, self.server_folder)
            self._federated(kept, lock)
            models = {"federated": self.server_folder}
            if self.compare:
                models |= self._alone(lock)
            for name in self.sites:
                self._measure(name, models, lock)
            return write_report(self.output_dir, self.plan, list(self.sites), models)

    @property
    def server_folder(self) -> Path:
        """Folder of the global weights."""
        return self.output_dir / "federated" / "server"

    def _places(self, name: str) -> SitePlaces:
        return SitePlaces(self.sites[name].resolve(), (self.output_dir / "federated" / name).resolve())

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self.output_dir.mkdir(parents=True, exist_ok=True)
        with hold_lock(self.output_dir / ".simulation.lock") as lock:
            yield lock

    def _claim(self) -> None:
        """Check the data, and that the folder belongs to this training."""
        for folder in self.sites.values():
            for section in ("training", "validation"):
                load_datalist(folder, section)
        wanted = {
            "plan": json.loads(self.plan.as_text()),
            "sites": {k: str(v.resolve()) for k, v in self.sites.items()},
        }
        path = self.output_dir / PLAN_FILE
        if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != wanted:
            raise InputError(f"{self.output_dir}: holds a training by other options ({path.name}); give another folder")
        write_json(wanted, path)

    def _federated(self, kept: list[str], lock: int) -> None:
        files, folder = RoundFiles(self.server_folder), (self.output_dir / "federated").resolve()
        if files.last == self.plan.rounds:
            return
        places = {name: self._places(name) for name in self.sites}
        SitePlaces.write(folder / "sites.json", places)
        for leftover in ("infnet", "workspace"):
            shutil.rmtree(folder / leftover, ignore_errors=True)
        job = write_job(
            self.plan, list(self.sites), folder, kept, None, folder / "sites.json", self.server_folder.resolve()
        )
        # Components outside NVFLARE run only where a workspace allows them.
        resources = {"format_version": 2, "class_allow_list": ["nvflare", *ALLOWED_CLASSES]}
        write_json(resources, folder / "workspace" / "local" / "resources.json")
        command = [sys.executable, "-m", "nvflare.cli", "simulator", str(job), "-w", str(folder / "workspace")]
        command += ["-c", ",".join(self.sites), "-t", str(len(self.sites)), "-l", "concise"]
        log = folder / "log.txt"
        with stage_bar("Federated", self.plan.rounds, files.last or 0, "round") as bar:

            def show() -> None:
                bar.update((files.last or 0) - bar.n)

            status = run_child(command, log, show, lock)
            show()
        if status != 0 or files.last != self.plan.rounds:
            raise WorkflowFailed(
                f"federated training ended with status {status} after {files.last} of {self.plan.rounds} rounds: "
                f"{last_words(log)} (log: {log}). The same command resumes"
            )

    def _alone(self, lock: int) -> dict[str, Path]:
        """Train on the pooled data and on each site's alone; return the folders of the weights."""
        central = self.output_dir / "central"
        pooled = {s: [i for d in self.sites.values() for i in load_datalist(d, s)] for s in ("training", "validation")}
        write_json(pooled, central / "data" / DATALIST_NAME)
        trainings = {"central": central / "data", **{f"only_{name}": path for name, path in self.sites.items()}}
        folders = {}
        for name, dataset_dir in trainings.items():
            folders[name] = self.output_dir / name
            folders[name].mkdir(exist_ok=True)
            files = RoundFiles(folders[name])
            if files.last is None:
                shutil.copy2(self.server_folder / "round_0.pt", folders[name] / "round_0.pt")
            if files.last != self.plan.rounds:
                logger.info("Training %s.", name)
                self._child(
                    {"dataset_dir": str(dataset_dir.resolve()), "folder": str(folders[name].resolve())},
                    folders[name],
                    lock,
                )
        return folders

    def _measure(self, site: str, models: Mapping[str, Path], lock: int) -> None:
        out = (self.output_dir / "measured" / site).resolve()
        done = out / "metrics.json"
        if done.is_file() and set(json.loads(done.read_text(encoding="utf-8"))) == set(models):
            return
        places = self._places(site)
        folders = {name: str(path.resolve()) for name, path in models.items()}
        task = {
            "dataset_dir": str(places.dataset_dir),
            "folder": str(places.folder),
            "models": folders,
            "out": str(out),
        }
        self._child(task, out, lock)

    def _child(self, task: Mapping[str, object], folder: Path, lock: int) -> None:
        write_json({"plan": self.plan.as_text(), **task}, folder / "task.json")
        command = [sys.executable, "-m", "infnet_monai.federated.alone", str(folder / "task.json")]
        status = run_child(command, folder / "log.txt", lambda: None, lock)
        if status != 0:
            log = folder / "log.txt"
            raise WorkflowFailed(f"{folder.name} ended with status {status}: {last_words(log)} (log: {log})")
