"""``infnet bundles``: list this project's bundles, copy one, or make the archive that MONAI's model zoo takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.bundle_folder import BUNDLES_DIR, copy_bundle, describe_bundles

__all__ = ["bundles"]

bundles = typer.Typer(no_args_is_help=True, help="List, copy or package the MONAI bundles of this project.")


@bundles.command("list")
def list_them() -> None:
    """List the bundles: weights, licence, folder."""
    summaries = describe_bundles()
    for summary in summaries:
        size = f"weights {summary.weights_bytes / 1e6:.0f} MB" if summary.weights_bytes else "no weights"
        print(f"{summary.name:28}{size:16}{summary.licence}")
    print(f"in {BUNDLES_DIR}")


@bundles.command("copy")
def copy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Bundle, e.g. infnet_vgg16.")],
    parent: Annotated[Path, typer.Argument(metavar="DIR", help="Folder in which the bundle's folder is made.")] = Path(
        "."
    ),
) -> None:
    """Copy a bundle, to change or train it; a folder that exists is never touched."""
    folder = copy_bundle(name, parent)
    print(f"wrote {folder}")
    print(f"train it: cd {parent}; python -m monai.bundle run training --config_file {folder.name}/configs/train.json")


@bundles.command("package")
def package(
    bundle: Annotated[str, typer.Argument(metavar="NAME", help="Bundle by its name, or folder of a bundle.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="ZIP", help="File to write (default: NAME_vVERSION.zip).")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights (default: the bundle's models/model.pt).")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing ZIP.")] = False,
) -> None:
    """Write a bundle as an archive that MONAI's download and load take and that runs without infnet-monai."""
    from infnet_monai.bundle.archive import package_bundle

    written = package_bundle(bundle, output, weights=weights, overwrite=overwrite)
    print(f"wrote {written} ({written.stat().st_size / 1e6:.1f} MB)")
