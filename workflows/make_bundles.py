"""Write the bundles from their template, or check that they are in step with it."""

from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.bundle.generate import BUNDLES, outdated_files, write_bundle

BUNDLES_DIR = Path(__file__).parents[1] / "bundles"


def main(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a file is out of step.")] = False,
    bundles_dir: Annotated[Path, typer.Option(help="Folder of all bundles.")] = BUNDLES_DIR,
) -> None:
    """Write all bundles, or with --check compare them with the template."""
    if not check:
        for entry in BUNDLES:
            print(f"wrote {write_bundle(entry, bundles_dir)}")
        return
    outdated = [path for entry in BUNDLES for path in outdated_files(entry, bundles_dir)]
    for path in outdated:
        print(f"out of step with the template: {path}")
    if outdated:
        print("Run: python workflows/make_bundles.py")
        raise typer.Exit(1)
    print(f"{len(BUNDLES)} bundles are in step with the template")


if __name__ == "__main__":
    typer.run(main)
