"""How the server of MONAI Label is started: on this machine only, and without any request to the outside."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infnet_monai.errors import InputError

__all__ = ["Server"]

LOOPBACK = "127.0.0.1"
# Threads that spin while they wait slow down a training and an inference at once: 16 times on two shared cores.
SHARED_CORES = {"OMP_WAIT_POLICY": "PASSIVE"}
# Of a picture such as PNG, MONAI Label would write the mask with rows and columns swapped.
VOLUMES = {"MONAI_LABEL_DATASTORE_FILE_EXT": '["*.nii.gz", "*.nii", "*.nrrd", "*.mha"]'}
# Scoring segments all scans without a label: it is for the user to ask for, POST /scoring/infnet_quality.
SCORING = {"MONAI_LABEL_AUTO_UPDATE_SCORING": "false"}
OFFLINE = {
    "HF_HUB_OFFLINE": "1",  # a training would ask for ImageNet weights, which the model's own replace anyway
    "DO_NOT_TRACK": "true",  # MLflow
}


@dataclass(frozen=True)
class Server:
    """A MONAI Label server that is to be started.

    Attributes:
        app: Folder of the app, from :func:`infnet_monai.monai_label.write_app`.
        studies: Folder of the scans, or address of a DICOMweb server.
        port: Port on this machine.
    """

    app: Path
    studies: str
    port: int = 8000

    @property
    def address(self) -> str:
        """What clients connect to."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self, models: Sequence[str]) -> list[str]:
        """Command line of the server: no model zoo, no SAM 2.

        Args:
            models: Names of the models.
        """
        configuration = {"models": ",".join(models), "zoo_source": "local", "sam2": "false"}
        return [
            *(sys.executable, "-m", "monailabel.main", "start_server"),
            *("--app", str(self.app), "--studies", self.studies),
            *(word for item in configuration.items() for word in ("--conf", *item)),
            *("--host", LOOPBACK, "--port", str(self.port)),
        ]

    def environment(self, variables: Mapping[str, str] | None = None) -> dict[str, str]:
        """Environment of the server and of its training processes.

        Args:
            variables: The environment to start from, this process's by default; what it sets for MONAI Label stays.
        """
        variables = os.environ if variables is None else variables
        tools = str(Path(sys.executable).parent)
        return {
            **SHARED_CORES,
            **VOLUMES,
            **SCORING,
            **variables,
            **OFFLINE,
            "PATH": os.pathsep.join([tools, variables.get("PATH", os.defpath)]),
        }

    def check(self) -> None:
        """Refuse a folder of scans that does not exist: MONAI Label would make an empty one.

        Raises:
            InputError: It does not exist.
        """
        if not self.studies.startswith(("http://", "https://")) and not Path(self.studies).is_dir():
            raise InputError(f"{self.studies}: no such folder; give the folder of the scans")
