"""``infnet federated``: training across sites that share no scans."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infnet_monai.bundle_folder import DEFAULT_BUNDLE
from infnet_monai.errors import InputError

if TYPE_CHECKING:
    from infnet_monai.federated.plan import FederatedPlan

__all__ = ["federated"]

federated = typer.Typer(no_args_is_help=True, help="Train across sites that share weights and no scans.")

BundleOption = Annotated[str, typer.Option(help="Name of a bundle, or path of its folder.")]
RoundsOption = Annotated[int, typer.Option(help="Number of rounds.")]
EpochsOption = Annotated[int, typer.Option("--local-epochs", help="Epochs that a site trains in a round.")]
AlgorithmOption = Annotated[str, typer.Option(help="fedavg or fedprox.")]
MuOption = Annotated[float, typer.Option(help="Weight of FedProx's proximal term.")]
BatchNormOption = Annotated[
    str, typer.Option("--batch-norm", help="average, or local: each site keeps its own batch normalisation (FedBN).")
]
OverlayOption = Annotated[list[str], typer.Option("--overlay", help="Config file of the bundle over train.json.")]
OverrideOption = Annotated[
    list[str], typer.Option("--override", help="Config item NAME=VALUE, e.g. image_size=[256,256].")
]


@federated.callback()
def _need_nvflare() -> None:
    try:
        import nvflare  # noqa: F401
    except ImportError as error:
        raise InputError("infnet federated: NVFLARE is not installed; run pip install 'infnet-monai[fl]'") from error


@federated.command()
def simulate(
    sites: Annotated[list[Path], typer.Argument(metavar="SITE...", help="Folders of prepared data sets, one a site.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of everything that is written.")],
    bundle: BundleOption = DEFAULT_BUNDLE,
    rounds: RoundsOption = 10,
    local_epochs: EpochsOption = 1,
    algorithm: AlgorithmOption = "fedavg",
    mu: MuOption = 0.01,
    batch_norm: BatchNormOption = "average",
    overlay: OverlayOption = [],  # noqa: B006
    override: OverrideOption = [],  # noqa: B006
    compare: Annotated[bool, typer.Option(help="Train centrally and at each site alone, too.")] = True,
) -> None:
    """Train on one machine, a process a site, in NVFLARE's simulator; the same command resumes."""
    from infnet_monai.federated.simulate import Simulation

    logging.basicConfig(format="%(levelname)s: %(message)s")
    plan = _plan(
        bundle,
        overlay,
        override,
        rounds=rounds,
        local_epochs=local_epochs,
        algorithm=algorithm,
        mu=mu,
        batch_norm=batch_norm,
    )
    page = Simulation(plan, site_names(sites), output, compare).run()
    print(f"wrote {page}")


@federated.command()
def job(
    sites: Annotated[list[str], typer.Argument(metavar="SITE...", help="Names of the sites.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="New folder for the job and the start-up kits.")],
    server: Annotated[str, typer.Option(help="Host name by which the sites reach the server.")],
    port: Annotated[int, typer.Option(help="Port of the server.")] = 8002,
    bundle: BundleOption = DEFAULT_BUNDLE,
    rounds: RoundsOption = 10,
    local_epochs: EpochsOption = 1,
    algorithm: AlgorithmOption = "fedavg",
    mu: MuOption = 0.01,
    batch_norm: BatchNormOption = "average",
    overlay: OverlayOption = [],  # noqa: B006
    override: OverrideOption = [],  # noqa: B006
) -> None:
    """Write the job, start-up kits with certificates, and a page for each site's IT."""
    from infnet_monai.federated.provision import write_federation

    plan = _plan(
        bundle,
        overlay,
        override,
        rounds=rounds,
        local_epochs=local_epochs,
        algorithm=algorithm,
        mu=mu,
        batch_norm=batch_norm,
    )
    names = list(site_names([Path(site) for site in sites]))
    kits = write_federation(plan, names, server, port, output.resolve())
    print(f"wrote {kits}: hand each folder to its site, which begins with READ_ME_FIRST.md")


def _plan(bundle: str, overlay: list[str], override: list[str], **agreed: Any) -> FederatedPlan:
    """Return the plan of the options that both commands have."""
    from infnet_monai.federated.plan import FederatedPlan
    from infnet_monai.training import parse_overrides

    return FederatedPlan(bundle=bundle, overlays=tuple(overlay), overrides=parse_overrides(override, {}), **agreed)


def site_names(folders: list[Path]) -> dict[str, Path]:
    """Name sites by their folders.

    Args:
        folders: Folders of the data sets.

    Raises:
        InputError: Fewer than two sites, a name that NVFLARE does not take, or one twice.
    """
    names = [folder.resolve().name for folder in folders]
    if len(names) < 2:
        raise InputError(f"{len(names)} site: expected two or more folders of data sets")
    for name in names:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name) or name == "server":
            raise InputError(f"{name}: not a name for a site; rename the folder: letters, digits, - and _, not server")
        if names.count(name) > 1:
            raise InputError(f"{name}: two sites have this name; rename one of the folders")
    return dict(zip(names, folders, strict=True))
