"""The ``infnet`` command."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer
from tqdm.contrib.logging import logging_redirect_tqdm

from infnet_monai import __version__
from infnet_monai.bundle_folder import DEFAULT_BUNDLE
from infnet_monai.errors import InputError
from infnet_monai.inference import BatchOptions, BatchResult, Segmenter, segment_scans
from infnet_monai.networks import convert_authors_checkpoint

app = typer.Typer(help="Lung-infection segmentation on chest CT.", no_args_is_help=True, add_completion=False)


@app.callback()
def main() -> None:
    """Lung-infection segmentation on chest CT. Not a medical device."""


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


@app.command()
def segment(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help="Scans (NIfTI, NRRD, MetaImage), DICOM or other folders.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder of the results.")],
    bundle: Annotated[str, typer.Option(help="Folder or name of a bundle.")] = DEFAULT_BUNDLE,
    weights: Annotated[Path | None, typer.Option(help="Weights (default: the bundle's models/model.pt).")] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1 ... (default: a GPU where there is one).")
    ] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Probability from which a voxel is lesion.")] = 0.5,
    intensity: Annotated[
        str, typer.Option(help="What the numbers are: auto, hu, grey (0-255) or unit (0-1).")
    ] = "auto",
    lung_crop: Annotated[bool, typer.Option(help="Find the lungs and look only there.")] = True,
    flips: Annotated[bool, typer.Option("--flips", help="Average with the mirrored slices; twice the time.")] = False,
    probability: Annotated[bool, typer.Option("--probability", help="Write the probability map, too.")] = False,
    dicom_seg: Annotated[bool, typer.Option("--dicom-seg", help="Write a DICOM SEG for DICOM series.")] = False,
    report: Annotated[bool, typer.Option(help="Write contact sheets and an HTML report.")] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Segment finished scans anew.")] = False,
) -> None:
    """Segment lung infection in scans: masks, numbers, pictures."""
    logging.basicConfig(format="%(levelname)s: %(message)s")
    options = BatchOptions(probability, dicom_seg, report, overwrite)
    try:
        segmenter = Segmenter(
            bundle, device, weights, threshold=threshold, intensity=intensity, lung_crop=lung_crop, flips=flips
        )
        with logging_redirect_tqdm():
            result = segment_scans(inputs, output, segmenter, options)
    except InputError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error
    _print_result(result, output)
    if result.failures:
        raise typer.Exit(1)


def _print_result(result: BatchResult, output: Path) -> None:
    for name, record in result.records.items():
        statistics = record["statistics"]
        share = statistics["lesion_percent_of_lung"]
        of_lung = f", {share:.1f} % of the lungs" if share is not None else ""
        print(f"{name}: lesion {statistics['lesion_volume_ml']:.1f} ml{of_lung}")
    if result.skipped:
        print(f"{len(result.skipped)} finished before and skipped; --overwrite segments them anew")
    print(f"Masks, numbers and pictures of {len(result.records)} scans: {output}")
    for path in result.files:
        print(f"wrote {path}")
    if result.failures:
        typer.echo(f"{len(result.failures)} scans failed:", err=True)
        for line in result.failures.values():
            typer.echo(f"  {line}", err=True)


@app.command()
def convert_weights(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Checkpoint of the Inf-Net authors, e.g. Inf-Net-100.pth.")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write, e.g. models/model.pt.")],
    backbone: Annotated[str, typer.Option(help="res2net50, resnet50 or vgg16.")] = "res2net50",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing OUT.")] = False,
) -> None:
    """Convert a checkpoint of the Inf-Net authors to weights that a bundle loads."""
    try:
        convert_authors_checkpoint(source, target, backbone, overwrite=overwrite)
    except InputError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error
    print(f"wrote {target}")
