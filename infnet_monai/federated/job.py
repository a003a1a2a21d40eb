"""The NVFLARE job: what the server and every site run."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from nvflare.job_config.api import FedJob
from nvflare.job_config.script_runner import FrameworkType, ScriptRunner

from infnet_monai.federated.plan import FederatedPlan
from infnet_monai.federated.server import DurableFedAvg
from infnet_monai.federated.weights import RoundFiles, exchanged_weights, local_names
from infnet_monai.training.recipe import Recipe

__all__ = ["ALLOWED_CLASSES", "JOB_NAME", "starting_weights", "write_job"]

JOB_NAME = "infnet"
ALLOWED_CLASSES = ("infnet_monai.federated",)  # NVFLARE runs components of others only where a workspace names them
SCRIPT = "infnet_site.py"
SCRIPT_TEXT = '''"""What a site runs: weights come and go, scans stay where they are."""

from infnet_monai.federated.client import run_site

PLAN = {plan!r}

run_site(PLAN, {sites!r})
'''


def starting_weights(plan: FederatedPlan, folder: Path) -> list[str]:
    """Write the weights that a federated training starts from, those of the bundle's own training.

    Args:
        plan: What all sites agree on.
        folder: Folder that gets ``round_0.pt``; it stays where it exists.

    Returns:
        Names of the tensors that the sites keep for themselves.
    """
    recipe: Recipe = plan.recipe()
    pretrained = plan.overrides.get("pretrained", "auto")
    network = recipe.parser(pretrained=pretrained, device="cpu").get_parsed_content("network_def")
    files = RoundFiles(folder)
    if files.last is None:
        files.write(exchanged_weights(network), 0)
    return sorted(local_names(network)) if plan.batch_norm == "local" else []


def write_job(
    plan: FederatedPlan,
    sites: list[str],
    folder: Path,
    kept: list[str],
    start: Path | None = None,
    sites_file: Path | None = None,
    server_folder: Path | None = None,
) -> Path:
    """Write the job's folder.

    Args:
        plan: What all sites agree on.
        sites: Names of the sites.
        folder: Folder that gets the job's folder.
        kept: Names of the tensors that the sites keep for themselves.
        start: File ``round_0.pt`` that the job brings to the server; None where it has it.
        sites_file: File that says where the sites keep their data; None where each site names its own.
        server_folder: Folder of the rounds' weights; None for one in the server's workspace.

    Returns:
        The job's folder.
    """
    job = FedJob(name=JOB_NAME, min_clients=len(sites))
    job.to_server(DurableFedAvg(len(sites), plan.rounds, kept, str(server_folder or "")))
    if start is not None:
        job.add_file_to_server(str(start), app_folder_type="custom")
    with tempfile.TemporaryDirectory() as drafts:
        script = Path(drafts) / SCRIPT
        script.write_text(SCRIPT_TEXT.format(plan=plan.as_text(), sites=str(sites_file or "")), encoding="utf-8")
        for site in sites:
            job.to(ScriptRunner(script=str(script), framework=FrameworkType.NUMPY), site)
        job.export_job(str(folder))
        _name_script_by_its_file(folder / JOB_NAME, script)
    # The export copies modules of this package that it finds used; every site has the package installed.
    shutil.rmtree(folder / JOB_NAME / "app_server" / "custom" / "infnet_monai", ignore_errors=True)
    return folder / JOB_NAME


def _name_script_by_its_file(job: Path, script: Path) -> None:
    """Let the apps of the sites find the script, which the export names by its path on this machine."""
    for config in job.glob("app_*/config/config_fed_client.json"):
        custom = config.parents[1] / "custom"
        for copy in sorted(custom.rglob(script.name)):
            copy.replace(custom / script.name)
        shutil.rmtree(custom / script.parent.name, ignore_errors=True)
        config.write_text(config.read_text(encoding="utf-8").replace(str(script), script.name), encoding="utf-8")
