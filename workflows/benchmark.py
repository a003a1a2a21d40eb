"""Measure on this machine what the README and docs claim about speed and size."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer

from infnet_monai.benchmarks.archive import measure_archive
from infnet_monai.benchmarks.data import measure_data
from infnet_monai.benchmarks.inference import measure_inference
from infnet_monai.benchmarks.intensities import intensity_table, scans_in_hu
from infnet_monai.benchmarks.killed_workers import measure_killed_dask, measure_killed_parts
from infnet_monai.benchmarks.memory import measure_memory
from infnet_monai.benchmarks.metrics import measure_metrics
from infnet_monai.benchmarks.scans import measure_scans
from infnet_monai.benchmarks.training import measure_training
from infnet_monai.inference import supports_bf16
from infnet_monai.networks import measure_models

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)


@app.command()
def data() -> None:
    """Slices a second from cached volumes, beside reading each volume for each slice."""
    _print_one(measure_data())


@app.command()
def metrics() -> None:
    """The paper's protocol for one slice, beside PySODMetrics; a batch beside single slices."""
    cost = measure_metrics()
    _print_one(cost)
    print(f"speed-up over PySODMetrics: {cost.speed_up:.1f}")
    print(f"speed-up of a batch over single slices: {cost.batch_speed_up:.2f}")


@app.command()
def inference(
    backbones: Annotated[list[str] | None, typer.Argument(help="Default: res2net50 vgg16.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Trained weights (default: trained shortly).")] = None,
    slices: Annotated[int, typer.Option(help="Number of slices.")] = 16,
    repeats: Annotated[int, typer.Option(help="Number of repetitions.")] = 5,
    means: Annotated[bool, typer.Option("--means", help="Measure each means of speed by itself.")] = False,
) -> None:
    """Seconds per slice as a bundle runs its network, beside the plain forward pass; how similar the masks are."""
    for backbone in backbones or ["res2net50", "vgg16"]:
        costs = measure_inference(backbone, weights, slices, repeats, means=means)
        print(f"{backbone}, {torch.get_num_threads()} threads, bf16 in hardware: {supports_bf16('cpu')}")
        print(pd.DataFrame([asdict(cost) for cost in costs]).round(4).to_string(index=False))


@app.command()
def training(
    backbone: Annotated[str, typer.Argument(help="Name of a backbone.")] = "efficientnet_lite0",
    batch_sizes: Annotated[list[int] | None, typer.Option(help="Slices in a batch (default: 4 and 2).")] = None,
    repeats: Annotated[int, typer.Option(help="Number of repetitions.")] = 5,
) -> None:
    """CPU seconds of a training step on one thread as a bundle runs it, beside all in bf16 and all in float32."""
    for cost in measure_training(backbone, batch_sizes or (4, 2), repeats):
        _print_one(cost)
        print(f"speed-up over all convolutions in bf16: {cost.speed_up:.2f}")


@app.command()
def intensities(
    scans: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders of scans, beside three phantoms.")
    ] = None,
) -> None:
    """How many scans are accepted, warned about and refused when their intensities are right, or wrong."""
    print(intensity_table(scans_in_hu(scans or [])).to_string(index=False))


@app.command()
def model(image_size: Annotated[int, typer.Option(help="Height and width of the slice.")] = 352) -> None:
    """Parameters and operations of every backbone."""
    table = pd.DataFrame([asdict(cost) for cost in measure_models(image_size=image_size)])
    print(table.round(2).to_string(index=False))


@app.command()
def scans(
    series: Annotated[int, typer.Option(help="Number of series in one flat folder.")] = 100,
    images: Annotated[int, typer.Option(help="Number of images of each series.")] = 300,
) -> None:
    """Finding and reading DICOM series, beside GDCM's file names and MONAI's ITKReader."""
    cost = measure_scans(series, images)
    _print_one(cost)
    print(f"speed-up of listing the files of all series: {cost.find_speed_up:.1f}")
    print(f"speed-up of finding and reading one series: {cost.load_speed_up:.2f}")


@app.command()
def archive(
    scans: Annotated[int, typer.Option(help="Number of scans.")] = 20_000,
    folder: Annotated[Path | None, typer.Option(help="Folder to keep the results in.")] = None,
) -> None:
    """Time and memory to summarise a folder of many results, and to resume behind them."""
    _print_one(measure_archive(scans, folder))


@app.command()
def parts(
    folder: Annotated[Path, typer.Argument(help="Folder for scans, results, memory as CSV and picture.")],
    scans: Annotated[int, typer.Option(help="Number of scans.")] = 2000,
    processes: Annotated[int, typer.Option(help="Number of parts, each of one process.")] = 8,
    kill_every_s: Annotated[float, typer.Option(help="Mean seconds between two kills.")] = 10.0,
) -> None:
    """Tiny scans by parts whose processes are killed at random, beside one process that is not."""
    _print_one(measure_killed_parts(folder, scans, processes, kill_every_s))


@app.command()
def dask(
    folder: Annotated[Path, typer.Argument(help="Folder for scans, results, memory as CSV and picture.")],
    scans: Annotated[int, typer.Option(help="Number of scans.")] = 2000,
    workers: Annotated[int, typer.Option(help="Number of worker processes.")] = 4,
    kill_every_s: Annotated[float, typer.Option(help="Mean seconds between two kills.")] = 10.0,
) -> None:
    """Tiny scans by a Dask cluster whose workers are killed at random, beside one process that is not."""
    _print_one(measure_killed_dask(folder, scans, workers, kill_every_s))


@app.command()
def memory(slices: Annotated[int, typer.Option(help="Number of slices of 512 x 512 pixels.")] = 1000) -> None:
    """Largest memory of segmenting one scan, without the network's own."""
    cost = measure_memory(slices)
    _print_one(cost)
    print(f"MB a slice: {cost.mb_per_slice:.2f}")


def _print_one(cost: object) -> None:
    for name, value in vars(cost).items():
        print(f"{name}: {value:.3f}" if isinstance(value, float) else f"{name}: {value}")


if __name__ == "__main__":
    app()
