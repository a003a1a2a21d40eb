"""What real sites need: the job, a start-up kit each with certificates for TLS, and a page for each site's IT."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from infnet_monai import __version__
from infnet_monai.errors import InputError
from infnet_monai.federated.job import ALLOWED_CLASSES, JOB_NAME, starting_weights, write_job
from infnet_monai.federated.plan import FederatedPlan
from infnet_monai.files import atomic_write, write_json

__all__ = ["ADMIN", "write_federation"]

ADMIN = "admin@infnet.local"
ORGANISATION = "infnet"


def write_federation(plan: FederatedPlan, sites: Sequence[str], server: str, port: int, output_dir: Path) -> Path:
    """Write the job and the start-up kits.

    The kits hold private keys: each goes to its site alone, by a way that nobody else reads.

    Args:
        plan: What all sites agree on.
        sites: Names of the sites.
        server: Host name by which the sites reach the server.
        port: Port of the server, the only one that has to be reached.
        output_dir: New folder.

    Returns:
        Folder of the kits: ``server``, one a site, and that of the administrator.

    Raises:
        InputError: The folder exists and holds something, or NVFLARE's ``provision`` failed.
    """
    if output_dir.exists() and any(output_dir.iterdir()):
        raise InputError(f"{output_dir}: is not empty; give a new folder, since the kits in it may be in use")
    kept = starting_weights(plan, output_dir / "start")
    write_job(plan, list(sites), output_dir / "job", kept, start=output_dir / "start" / "round_0.pt")
    project = output_dir / "project.yml"
    write_json(_project(sites, server, port), project)  # JSON is YAML
    command = [sys.executable, "-m", "nvflare.cli", "provision", "-p", str(project), "-w", str(output_dir / "kits")]
    done = subprocess.run([*command, "--force"], capture_output=True, text=True, check=False)
    kits = output_dir / "kits" / JOB_NAME / "prod_00"
    if done.returncode != 0 or not (kits / sites[0] / "startup").is_dir():
        words = (done.stderr or done.stdout).strip().splitlines()
        raise InputError(f"nvflare provision failed: {words[-1] if words else f'status {done.returncode}'}")
    _finish_kits(kits, plan, sites, server, port)
    shutil.copytree(output_dir / "job" / JOB_NAME, kits / ADMIN / "transfer" / JOB_NAME, dirs_exist_ok=True)
    return kits


def _project(sites: Sequence[str], server: str, port: int) -> dict[str, object]:
    builders = "nvflare.lighter.impl"
    people = [{"name": ADMIN, "type": "admin", "org": ORGANISATION, "role": "project_admin"}]
    return {
        "api_version": 3,
        "name": JOB_NAME,
        "description": "Federated training of Inf-Net",
        "participants": [
            {"name": server, "type": "server", "org": ORGANISATION, "fed_learn_port": port},
            *({"name": site, "type": "client", "org": ORGANISATION} for site in sites),
            *people,
        ],
        "builders": [
            {"path": f"{builders}.workspace.WorkspaceBuilder", "args": {"template_file": ["master_template.yml"]}},
            {"path": f"{builders}.static_file.StaticFileBuilder", "args": {"config_folder": "config"}},
            {"path": f"{builders}.cert.CertBuilder"},
            {"path": f"{builders}.signature.SignatureBuilder"},
        ],
    }


def _finish_kits(kits: Path, plan: FederatedPlan, sites: Sequence[str], server: str, port: int) -> None:
    """Allow this package's components, and write the page and the form of the places for each site."""
    environment = Environment(
        loader=PackageLoader("infnet_monai", "federated"), undefined=StrictUndefined, trim_blocks=True, autoescape=False
    )
    page = environment.get_template("site.md.j2")
    for name in (server, *sites):
        local = kits / name / "local"
        resources = json.loads((local / "resources.json.default").read_text(encoding="utf-8"))
        resources["class_allow_list"] = [*resources.get("class_allow_list", ["nvflare"]), *ALLOWED_CLASSES]
        write_json(resources, local / "resources.json")
        if name != server:
            places = {name: {"dataset_dir": "FOLDER OF dataset.json", "folder": "FOLDER FOR WHAT THE SITE WRITES"}}
            write_json(places, kits / name / "infnet_sites.json")
        text = page.render(
            site=name, server=server, port=port, plan=plan, version=__version__, is_server=name == server
        )
        with atomic_write(kits / name / "READ_ME_FIRST.md") as draft:
            draft.write_text(text, encoding="utf-8")
